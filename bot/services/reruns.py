"""Running a workflow run again: looked at, ordered once at GitHub, and done when GitHub shows the next attempt.

    requested  -> look at the run: ended, failed, not too old, nothing newer? mark, order -> dispatching -> running
    dispatching-> found after a crash or a lost answer: GitHub shows a later attempt than the one that was marked
    running    -> until GitHub shows it                                                   -> succeeded | failed

The order is never sent twice: whoever wants to can press again. What the new attempt does is told by the release's own
card, as of any attempt, so a re-run has no card.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.adapters import github_runs
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_runs import Run, RunRefused
from bot.domain import moments
from bot.domain.operations import Operation, OperationState, Rerun
from bot.domain.reasons import Reason, Refused
from bot.services import runs
from bot.services.steps import Steps

FOLLOW_FOR = timedelta(minutes=2)
GRACE = timedelta(seconds=30)
OLDEST = timedelta(days=30)
MOST_ATTEMPTS = 51
"""The first attempt and fifty re-runs, which is GitHub's limit, as are the thirty days."""
_GOOD = frozenset({"success", "neutral", "skipped"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerunner:
    """What the steps need. `grace` is how long an order whose answer was lost may take to show."""

    steps: Steps
    github: GitHub
    grace: timedelta = GRACE

    async def step(self, operation: Operation) -> None:
        """Take the operation one step further."""
        match operation.state:
            case OperationState.REQUESTED:
                await self.steps.guarded(operation, self._dispatch)
            case OperationState.DISPATCHING | OperationState.RUNNING:
                await self.steps.guarded(operation, self._follow)
            case _:
                log.warning("rerun.no_step", operation=operation.id, state=operation.state)

    async def _dispatch(self, operation: Operation) -> None:
        """Order it. A GitHub that does not answer ends the request: nobody would see it being carried out later."""
        self.steps.place(operation)
        asked = _asked(operation)
        await self._require_newest(operation)
        try:
            run = await github_runs.look(self.github, asked.run_id)
        except GithubError as error:
            log.warning("rerun.refused", operation=operation.id, reason=error.reason, answer=error.log)
            raise Refused(error.reason) from error
        _require(run, asked=asked, now=self.steps.clock())
        seen = replace(asked, attempt=run.attempt, url=run.url or asked.url)
        marked = replace(self.steps.marked(operation, within=FOLLOW_FOR), rerun=seen)
        if not await self.steps.order(marked, expected=OperationState.REQUESTED):
            return
        try:
            await github_runs.order(self.github, asked.run_id, everything=asked.everything)
        except RunRefused as error:
            log.warning("rerun.refused", operation=operation.id, reason=error.reason, answer=error.log)
            await self.steps.end(marked, OperationState.REFUSED, error.reason)
        except GithubError as error:
            log.warning("rerun.uncertain", operation=operation.id, answer=error.log)
        else:
            await self.steps.accepted(marked)

    async def _follow(self, operation: Operation) -> None:
        """Look for the next attempt. The order is not sent again when there is none: a person can."""
        asked, now = _asked(operation), self.steps.clock()
        late = operation.deadline is not None and now >= operation.deadline
        try:
            run = await github_runs.look(self.github, asked.run_id)
        except GithubError as error:
            log.warning("rerun.unseen", operation=operation.id, reason=error.reason, answer=error.log)
        else:
            if asked.attempt is not None and run.attempt > asked.attempt:
                await self.steps.end(operation, OperationState.SUCCEEDED, None)
                return
            sent_at = operation.dispatched_at or operation.updated_at
            waited = moments.has_passed(self.grace, since=sent_at, now=now)
            late = late or (operation.state is OperationState.DISPATCHING and waited)
        if late:
            await self.steps.end(operation, OperationState.FAILED, Reason.RERUN_UNKNOWN)

    async def _require_newest(self, operation: Operation) -> None:
        """Refuse a run whose commit has a successor in its environment."""
        async with self.steps.database.reading() as connection:
            newest = await runs.newest(connection, service=operation.service or "", environment=operation.environment)
        if newest is not None and newest.id != operation.release_id:
            raise Refused(Reason.RUN_OUTDATED)


def _asked(operation: Operation) -> Rerun:
    if operation.rerun is None:
        raise Refused(Reason.RUN_UNKNOWN)
    return operation.rerun


def _require(run: Run, *, asked: Rerun, now: datetime) -> None:
    """Refuse what GitHub would refuse, what was done already, and what would do nothing."""
    if asked.attempt is not None and run.attempt > asked.attempt:
        raise Refused(Reason.RERUN_ALREADY)
    if not run.completed:
        raise Refused(Reason.RUN_IN_PROGRESS)
    if run.attempt >= MOST_ATTEMPTS or (run.created_at is not None and now - run.created_at > OLDEST):
        raise Refused(Reason.RERUN_LIMIT)
    if run.conclusion in _GOOD and not asked.everything:
        raise Refused(Reason.NOTHING_FAILED)
