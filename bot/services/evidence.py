"""What the worst pod logged last: a failed rollout says why on its card, so that nobody has to look for it first."""

from collections.abc import Collection
from contextlib import suppress
from functools import partial

import structlog

from bot.adapters.cluster import Clusters
from bot.adapters.cluster_errors import ClusterError, NoPreviousLog
from bot.domain import rollouts
from bot.domain.catalog import Environment
from bot.domain.events import ApplicationObserved, Pod
from bot.domain.inspections import LogRead

LINES = 8
LINE_LENGTH = 160
_CRASHED = frozenset({"CrashLoopBackOff", "Error", "OOMKilled"})

log = structlog.get_logger(__name__)


async def gather(
    clusters: Clusters, environment: Environment, *, event: ApplicationObserved, services: Collection[str]
) -> tuple[str, ...]:
    """The last lines of the worst pod of these services, after a line with its name and what hinders it.

    A pod that crashed is asked for the log of the container that did; one that crashed for the first time, and was not
    started again yet, has that as its present log. Without a log, or without an answer, the first line is all there is;
    without a pod that is hindered there is nothing.
    """
    hindered = [
        (pod, workload.service)
        for workload in event.workloads
        if workload.service in services and (pod := rollouts.worst_pod(workload)) is not None
    ]
    if not hindered:
        return ()
    pod, service = max(hindered, key=lambda found: (found[0].restarts, found[0].name))
    first = f"{pod.name}: {pod.reason}"
    try:
        read = await _log(clusters, environment, pod=pod, service=service)
    except ClusterError as error:
        log.warning("evidence.no_log", environment=environment.name, pod=pod.name, answer=error.log)
        return (first,)
    return (first, *(line[:LINE_LENGTH] for line in read.lines[-LINES:]))


async def _log(clusters: Clusters, environment: Environment, *, pod: Pod, service: str) -> LogRead:
    asked = partial(clusters.logs, environment, service=service, pod=pod.name, lines=LINES)
    if pod.reason in _CRASHED:
        with suppress(NoPreviousLog):
            return await asked(previous=True)
    return await asked(previous=False)
