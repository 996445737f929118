"""What notices need, built from the configuration: habits, terms, pace, plan."""

from __future__ import annotations

from intake import config as settings
from intake.config import Config
from intake.store.audience import Habits
from intake.store.notice_list import Terms
from intake.store.notice_queue import Pace
from intake.store.plan import Plan


def habits(config: Config) -> Habits:
    """Who is told when nothing else is said."""
    own = config.shape.notices
    return Habits(own.contact_types, own.mandatory_classes, config.service.timezone)


def terms(config: Config) -> Terms:
    """What a list is frozen with. Raises ConfigError when there is no secret."""
    domain = config.service.address.rpartition("@")[2]
    return Terms(settings.load_secrets(config), domain, config.shape.notices.expire_hours)


def pace(config: Config, *, smooth: bool = True) -> Pace:
    """How fast letters go out."""
    own = config.shape.notices
    return Pace(
        own.rate_per_minute, own.rate_per_minute_domain, smooth, own.park_after, own.park_minutes
    )


def plan(config: Config) -> Plan:
    """What the clock does."""
    return Plan(config.shape.notices.reminders, config.shape.notices.expire_hours)
