"""How two facts about the same thing are joined: the greater one stays.

Every order here is total: its last component, the fact as text, tells apart any two facts that differ. So a join
depends neither on which of the two came first nor on whether one of them was read back from a row. GitHub delivers
out of order and repeats itself; a status only ever moves forward.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.domain.events import JobReported, Phase, RunReported, RunStatus, StageReported, StageStatus, SyncOperation

_RUN_RANK = {status: rank for rank, status in enumerate(RunStatus)}
_STAGE_RANK = {status: rank for rank, status in enumerate(StageStatus)}
_PHASE_RANK = {phase: rank for rank, phase in enumerate(Phase)}
_Fact = TypeVar("_Fact")


def greater(old: _Fact | None, new: _Fact, *, order: Callable[[_Fact], Any]) -> _Fact:
    """The greater of two facts by `order`; the new one when there is no old one."""
    return new if old is None else max(old, new, key=order)


def join(facts: Mapping[str, _Fact], key: str, fact: _Fact, *, order: Callable[[_Fact], Any]) -> dict[str, _Fact]:
    """The facts with one more; of two facts with one key the greater by `order` stays."""
    return {**facts, key: greater(facts.get(key), fact, order=order)}


def run_order(run: RunReported) -> tuple[Any, ...]:
    """A run moves forward by status; a conclusion beats none; then the newest update."""
    return _RUN_RANK[run.status], run.conclusion is not None, run.updated_at, text(run)


def job_order(job: JobReported) -> tuple[Any, ...]:
    """A job moves forward by status; then the one with more finished steps."""
    done = sum(step.status is RunStatus.COMPLETED for step in job.steps)
    return _RUN_RANK[job.status], job.conclusion is not None, done, text(job)


def stage_order(stage: StageReported) -> tuple[Any, ...]:
    """A later status wins, then the later report."""
    return _STAGE_RANK[stage.status], stage.at, text(stage)


def sync_order(sync: SyncOperation, *, seen_at: datetime) -> tuple[Any, ...]:
    """The newest operation, at its furthest phase, as the newest read found it."""
    return sync.started_at, sync.phase.ended, _PHASE_RANK[sync.phase], seen_at, text(sync)


def text(fact: Any) -> str:
    """A dataclass as text: equal values give the same text in every process, whatever their time zone objects."""
    return json.dumps(asdict(fact), sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else sorted(value)
