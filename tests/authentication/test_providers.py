"""Which level each provider's Authentication-Results proves, and why: a table made by hand."""

from __future__ import annotations

import pytest

from intake.adapters.dkim_verifier import organisation
from intake.authentication.alignment import Trust
from intake.authentication.sender import identify
from intake.mail.addresses import Address, Mailbox
from intake.mail.message import Header
from intake.model.context import Known
from tests.support.provider_samples import SAMPLES, Sample
from tests.support.values import message


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: one.provider)
def test_each_provider_proves_what_it_says(one: Sample) -> None:
    """With and without the rule that a policy must be published; from an untrusted id nothing."""
    fields = tuple(Header("authentication-results", value) for value in one.fields)
    sender = Mailbox("Zack", Address("zack", "bayside.example"))
    mail = message(sender=sender, fields=(*fields, Header("from", "Zack <zack@bayside.example>")))
    trust = Trust(one.ids, fields=4, organisation=organisation)
    found = identify(mail, Known(), trust)
    assert found.level == one.level
    assert one.why in " | ".join(found.evidence)
    strict = Trust(one.ids, fields=4, organisation=organisation, require_policy=True)
    assert identify(mail, Known(), strict).level == one.strict
    assert identify(mail, Known(), Trust(("elsewhere.example",), fields=4)).level == "L1"


def test_the_table_has_fifteen_providers_and_the_standards_own_examples() -> None:
    """By the words before the colon."""
    names = {one.provider.partition(":")[0] for one in SAMPLES}
    assert len([name for name in names if not name.startswith("RFC")]) >= 15
    assert len([one for one in SAMPLES if one.provider.startswith("RFC 8601")]) >= 6
