"""What every test starts from: quiet logs, and no setting of this machine's environment."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from intake import logs

settings.register_profile("intake", deadline=None)  # how fast a machine is decides no test
settings.load_profile("intake")


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    """Log lines of the rooms under test stay out of the report.

    What the tests start, as worker, as command or to be killed, is not measured: it would cost
    much more than it tells, and who is killed or may write no file leaves no figures anyway.
    """
    logs.set_up("json", "critical")
    for name in [one for one in os.environ if one.startswith("INTAKE_")]:
        if name not in ("INTAKE_CAMPAIGN", "INTAKE_REQUIRE_SERVERS"):
            del os.environ[name]
    for name in [one for one in os.environ if "COVERAGE" in one]:
        del os.environ[name]
