"""A restart of one service: Argo CD's resource action, ordered once, then followed until every pod is a new one.

    requested  -> mark, order                                  -> dispatching -> running
    dispatching-> found after a crash or a cut connection: the Deployment carries the time of its last restart, and
                  another one than before
    running    -> until all pods are new and ready, or it failed    -> succeeded | failed

Nobody has to consent: the same image comes back. That it is allowed at all is the gate's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError, OrderUncertain
from bot.adapters.cluster import Clusters
from bot.domain import moments, rollouts
from bot.domain.events import ApplicationObserved, Health
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import ROLLOUT, Reason
from bot.services import evidence
from bot.services.steps import Steps

FOLLOW_FOR = timedelta(minutes=15)
GRACE = timedelta(seconds=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarter:
    """What the steps need. `grace` is how long an order may take to show; longer than the order's own time-out."""

    steps: Steps
    argocds: Mapping[str, ArgoCD]
    clusters: Clusters
    grace: timedelta = GRACE

    async def step(self, operation: Operation) -> None:
        """Take the operation one step further. A system that does not answer leaves it where it is."""
        match operation.state:
            case OperationState.REQUESTED:
                await self.steps.guarded(operation, self._dispatch)
            case OperationState.DISPATCHING:
                await self.steps.guarded(operation, self._resolve)
            case OperationState.RUNNING:
                await self.steps.guarded(operation, self._follow)
            case _:
                log.warning("restart.no_step", operation=operation.id, state=operation.state)

    async def _dispatch(self, operation: Operation) -> None:
        environment = self.steps.place(operation)
        before = (await self.clusters.workloads(environment)).get(operation.service or "")
        marked = self.steps.marked(operation, within=FOLLOW_FOR)
        marked = replace(marked, restarted_before=before.restarted_at if before else None)
        if not await self.steps.order(marked, expected=OperationState.REQUESTED):
            return
        try:
            await self.argocds[environment.argocd].restart(
                environment.application, namespace=environment.namespace, deployment=operation.service or ""
            )
        except OrderUncertain as error:
            log.warning("restart.uncertain", operation=operation.id, answer=error.log)
        except ArgocdError as error:
            log.warning("restart.refused", operation=operation.id, reason=error.reason, answer=error.log)
            await self.steps.end(marked, OperationState.REFUSED, error.reason)
        else:
            await self.steps.accepted(marked)

    async def _resolve(self, operation: Operation) -> None:
        """Nobody knows whether the order arrived: look for the mark it leaves. It is not sent again: a person can."""
        environment = self.steps.place(operation)
        sent_at = operation.dispatched_at or operation.updated_at
        found = (await self.clusters.workloads(environment)).get(operation.service or "")
        if found is not None and found.restarted_at not in (None, operation.restarted_before):
            await self.steps.accepted(operation)
        elif moments.has_passed(self.grace, since=sent_at, now=self.steps.clock()):
            await self.steps.end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)

    async def _follow(self, operation: Operation) -> None:
        """Judge the newest read of the cluster, and end the operation when it shows how it ended."""
        known = await self.steps.seen(operation)
        event, now = known.observation, self.steps.clock()
        late = operation.deadline is not None and now >= operation.deadline
        state, reason = _ended(operation, event=event, now=now)
        if state is None and late:
            silent = event is None or event.cluster_error is not None
            reason = Reason.CLUSTER_UNREACHABLE if silent else Reason.ROLLOUT_TIMED_OUT
            state = OperationState.FAILED
        if state is not None:
            told = operation
            if reason in ROLLOUT and event is not None:
                place, services = self.steps.place(operation), (operation.service or "",)
                lines = await evidence.gather(self.clusters, place, event=event, services=services)
                told = replace(operation, evidence=lines)
            await self.steps.end(told, state, reason)
        elif operation.reason != (hindrance := self.steps.hindrance(known)):
            await self.steps.save(replace(operation, reason=hindrance), expected=OperationState.RUNNING)


def _ended(
    operation: Operation, *, event: ApplicationObserved | None, now: datetime
) -> tuple[OperationState | None, Reason | None]:
    """How the restart ended as far as this read shows it. One from before the order, or without pods, shows nothing."""
    since, before = operation.dispatched_at or operation.updated_at, operation.restarted_before
    workload = event.workload(operation.service or "") if event else None
    if event is None or workload is None or event.cluster_error is not None:
        return None, None
    # Where the clock was set back after the order, so was that of every read which does not lie ahead of it.
    later = event.observed_at <= now and moments.is_stranded(since, now=now)
    if event.observed_at < since and not later:
        return None, None
    if rollouts.is_restarted(workload, before=before):
        return OperationState.SUCCEEDED, None
    if workload.health is Health.DEGRADED and rollouts.shows_restart(workload, before=before):
        return OperationState.FAILED, Reason.ROLLOUT_FAILED
    return None, None
