"""Looking at what people look at during a deploy or an outage: asked when it is asked for, and kept nowhere.

What another system answers may name identities and addresses, so it never reaches a chat: it goes into the log under a
new id, and whoever asked is told why and that id. A part that does not answer is named beside the parts that do.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.calls import CallFailed
from bot.adapters.cluster import Clusters
from bot.domain.catalog import Environment
from bot.domain.events import Pod
from bot.domain.inspections import (
    ClusterEvent,
    Diff,
    EventsRead,
    HistoryEntry,
    LogRead,
    Past,
    Running,
    SyncWindows,
)
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Refused
from bot.services import operations
from bot.storage import approvals as approval_rows
from bot.storage import operations as operation_rows
from bot.storage.engine import Database

HISTORY = 10
RECORD = 10 * HISTORY
"""How many of the bot's own deploys are looked through for those of one service."""

log = structlog.get_logger(__name__)

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Events of an environment, oldest first, why a part of them is missing, and whether there were too many."""

    found: tuple[ClusterEvent, ...]
    missing: tuple[Refused, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """What looking needs. Every method raises Refused, with the id under which the log has the answer."""

    database: Database
    argocds: Mapping[str, ArgoCD]
    clusters: Clusters

    async def pods(self, environment: Environment, *, service: str | None) -> dict[str, tuple[Pod, ...]]:
        """The pods of every service that has a Deployment, or of one."""
        found = await asked(self.clusters.workloads(environment), what="pods")
        return {name: one.pods for name, one in sorted(found.items()) if service in (None, name)}

    async def logs(
        self, environment: Environment, *, service: str, container: str | None, previous: bool, lines: int
    ) -> LogRead:
        """The last lines of the service's worst pod."""
        lines_of = self.clusters.logs(environment, service=service, container=container, previous=previous, lines=lines)
        return await asked(lines_of, what="logs")

    async def events(self, environment: Environment, *, service: str | None) -> Events:
        """What Kubernetes noticed, and without a service Argo CD too. Refuses only when neither answers."""
        questions = [asked(self.clusters.events(environment, service=service), what="events")]
        if service is None:
            questions.append(asked(self._of_application(environment), what="application events"))
        answers = await asyncio.gather(*questions, return_exceptions=True)
        found: list[ClusterEvent] = []
        missing: list[Refused] = []
        cut = False
        for answer in answers:
            match answer:
                case Refused():
                    missing.append(answer)
                case BaseException():
                    raise answer
                case _:
                    found += answer.found
                    cut |= answer.cut
        if len(missing) == len(answers):
            raise missing[0]
        return Events(found=tuple(sorted(found, key=lambda event: event.at)), missing=tuple(missing), cut=cut)

    async def operation(self, environment: Environment) -> Running | None:
        """What holds the Application's slot at this moment, or None when it is free."""
        read = await asked(self._argocd(environment).read(environment.application), what="operation")
        if not read.pending:
            return None
        sync = read.operation if read.operation and read.operation.holds else None
        request = sync.request_id if sync else read.pending_request_id
        return Running(sync=sync, asked=await operations.get(self.database, request))

    async def windows(self, environment: Environment) -> SyncWindows:
        """The sync windows that concern the environment."""
        return await asked(self._argocd(environment).windows(environment.application), what="windows")

    async def diff(self, environment: Environment, *, service: str | None) -> Diff:
        """What a sync to the newest commit would change, of everything or of one service."""
        found = await asked(self._argocd(environment).diff(environment.application), what="diff")
        if service is None:
            return found
        return replace(found, resources=tuple(one for one in found.resources if service in one.services))

    async def history(self, environment: Environment, *, service: str | None) -> tuple[Past, ...]:
        """The newest deploys, those of the bot and those that only Argo CD remembers, each once."""
        argocd = self._argocd(environment)
        entries = await asked(argocd.history(environment.application), what="history")
        async with self.database.reading() as connection:
            own = await operation_rows.deploys(connection, environment.name, limit=RECORD)
        foreign = [entry for entry in entries if not any(_is_of(entry, one) for one in own)][:HISTORY]
        ours = await self._approved([one for one in own if service is None or _moved(one, service)][:HISTORY])
        past = [_past(one, approvers) for one, approvers in ours]
        past += [_foreign(entry) for entry in foreign]
        newest = sorted(past, key=lambda one: one.at, reverse=True)[:HISTORY]
        return tuple(await asyncio.gather(*(self._described(one, environment) for one in newest)))

    async def _approved(self, own: list[Operation]) -> list[tuple[Operation, tuple[str, ...]]]:
        """The operations, each with the names of who approved."""
        async with self.database.reading() as connection:
            votes = [await approval_rows.of_operation(connection, one.id) for one in own]
        names = [tuple(vote.name for vote in vote_row[0].votes) if vote_row else () for vote_row in votes]
        return list(zip(own, names, strict=True))

    async def _described(self, past: Past, environment: Environment) -> Past:
        """With the subject of its commit where the bot knows no images; without it when nobody tells."""
        if past.images or not past.revision:
            return past
        try:
            subject = await self._argocd(environment).subject(environment.application, past.revision)
        except CallFailed as error:
            log.info("inspections.no_subject", revision=past.revision, reason=error.reason, answer=error.log)
            return past
        return replace(past, subject=subject)

    async def _of_application(self, environment: Environment) -> EventsRead:
        return EventsRead(found=await self._argocd(environment).events(environment.application))

    def _argocd(self, environment: Environment) -> ArgoCD:
        return self.argocds[environment.argocd]


async def asked(question: Awaitable[_Answer], *, what: str, passing: type[CallFailed] | tuple[()] = ()) -> _Answer:
    """The answer; a failure goes into the log under an id, and to people as its reason with that id.

    Failures of the kind `passing` are answers to whoever asks, and are raised as they are.
    """
    try:
        return await question
    except passing:
        raise
    except CallFailed as error:
        log_id = secrets.token_hex(4)
        log.warning("inspections.unanswered", what=what, log_id=log_id, reason=error.reason, answer=error.log)
        raise Refused(error.reason, log_id=log_id) from error


def _is_of(entry: HistoryEntry, operation: Operation) -> bool:
    """Whether an entry of Argo CD's history is what a deploy of everything left there.

    One whose sync was never seen is known by its commit, and by having been deployed while the operation lasted.
    """
    content, sync = operation.content, operation.sync
    if content is None or not content.everything:
        return False
    if sync is not None:
        return entry.started_at == sync.started_at
    begun = operation.dispatched_at
    return (
        entry.revision == content.revision and begun is not None and entry.deployed_at >= begun.replace(microsecond=0)
    )


def _moved(operation: Operation, service: str) -> bool:
    changes = operation.content.images if operation.content else ()
    return operation.service == service or any(change.service == service for change in changes)


def _past(operation: Operation, approvers: Iterable[str]) -> Past:
    content = operation.content
    return Past(
        at=operation.updated_at,
        revision=operation.order.revision if operation.order else "",
        service=operation.service,
        images=content.images if content else (),
        asked_by=operation.requested_name,
        approved_by=tuple(approvers),
        succeeded=operation.state is OperationState.SUCCEEDED,
        reason=operation.reason,
        rollback=operation.rollback,
        in_argocd=content is not None and content.everything,
    )


def _foreign(entry: HistoryEntry) -> Past:
    return Past(
        at=entry.deployed_at,
        revision=entry.revision,
        service=None,
        asked_by=entry.initiated_by,
        succeeded=True,
        in_argocd=True,
        foreign=True,
    )
