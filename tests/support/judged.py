"""Facts for the rule table, and what it says of them."""

from dataclasses import replace

from intake.model.incidents import Incident
from tests.support.values import (
    COMPLETE,
)  # fmt: skip

INCOMPLETE = replace(COMPLETE, type="application_issue", missing=("module", "issue_began"))

KNOWN_TO_US = Incident("INC-42", "incident", "Posting is delayed", "identified")
