"""How two facts about the same thing are joined: the greater one stays.

Every order here is total: its last component tells apart any two facts that differ, so that a join never depends on
which of the two came first. GitHub delivers out of order and repeats itself; a status only ever moves forward.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bot.domain.events import JobReported, Phase, RunReported, RunStatus, StageReported, StageStatus, SyncOperation

_RUN_RANK = {status: rank for rank, status in enumerate(RunStatus)}
_STAGE_RANK = {status: rank for rank, status in enumerate(StageStatus)}
_PHASE_RANK = {phase: rank for rank, phase in enumerate(Phase)}
_Fact = TypeVar("_Fact")


def join(facts: Mapping[str, _Fact], key: str, fact: _Fact, order: Callable[[_Fact], Any]) -> dict[str, _Fact]:
    """The facts with one more; of two facts with one key the greater by `order` stays."""
    old = facts.get(key)
    return {**facts, key: fact if old is None else max(old, fact, key=order)}


def run_order(run: RunReported) -> tuple[Any, ...]:
    """A run moves forward by status; a conclusion beats none; then the newest update."""
    return _RUN_RANK[run.status], run.conclusion is not None, run.updated_at, repr(run)


def job_order(job: JobReported) -> tuple[Any, ...]:
    """A job moves forward by status; then the one with more finished steps."""
    done = sum(step.status is RunStatus.COMPLETED for step in job.steps)
    return _RUN_RANK[job.status], job.conclusion is not None, done, repr(job)


def stage_order(stage: StageReported) -> tuple[Any, ...]:
    """A later status wins, then the later report."""
    return _STAGE_RANK[stage.status], stage.at, repr(stage)


def sync_order(sync: SyncOperation) -> tuple[Any, ...]:
    """The newest operation, at its furthest phase."""
    return sync.started_at, sync.phase.ended, _PHASE_RANK[sync.phase], sync.message, repr(sorted(sync.services or ()))
