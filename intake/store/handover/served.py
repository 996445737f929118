"""How soon departments answer and resolve: figures of a past period, in their working hours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from intake.model.departments import Departments
from intake.model.states import CASE_OVER, CaseStatus
from intake.store.engine import Session
from intake.store.tables.cases import CaseRow


@dataclass(slots=True)
class Served:
    """The cases of one type at one department that were received in a period."""

    department: str
    type: str
    cases: int = 0
    waiting: int = 0  # whose contact waits for an answer now
    answers: list[float] = field(default_factory=list)  # working hours until the first answer
    resolutions: list[float] = field(default_factory=list)  # working hours until it was over


def served(session: Session, departments: Departments, since: datetime) -> list[Served]:
    """The figures by department and type; drafts and merged cases are left out."""
    query = (
        select(
            col(CaseRow.department), col(CaseRow.type), col(CaseRow.status),
            col(CaseRow.received_at), col(CaseRow.answered_at), col(CaseRow.closed_at),
            col(CaseRow.waits_since),
        )
        .where(
            col(CaseRow.received_at) >= since,
            col(CaseRow.status) != CaseStatus.DRAFT,
            col(CaseRow.merged_into) == "",
            col(CaseRow.department).in_(list(departments)),
        )
    )  # fmt: skip
    found: dict[tuple[str, str], Served] = {}
    for key, kind, status, received, answered, closed, waits in session.execute(query):
        one = found.setdefault((key, kind), Served(key, kind))
        hours = departments[key].hours
        one.cases += 1
        one.waiting += status == CaseStatus.OPEN and waits is not None
        if answered is not None:
            one.answers.append(hours.worked(received, answered).total_seconds() / 3600)
        if status in CASE_OVER and closed is not None:
            one.resolutions.append(hours.worked(received, closed).total_seconds() / 3600)
    return [found[key] for key in sorted(found)]


def together(parts: Sequence[Served]) -> list[Served]:
    """The figures by department alone; their type is empty."""
    found: dict[str, Served] = {}
    for part in parts:
        one = found.setdefault(part.department, Served(part.department, ""))
        one.cases += part.cases
        one.waiting += part.waiting
        one.answers += part.answers
        one.resolutions += part.resolutions
    return [found[key] for key in sorted(found)]


def rank(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile; None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
