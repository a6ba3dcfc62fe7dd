"""What people look at, gathered from the rows: the card behind a key, and the status of environments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.cards import incident as incident_card
from bot.cards import operation as operation_card
from bot.cards import release as release_card
from bot.cards import summons
from bot.cards import trail as trail_card
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Catalog
from bot.services import copies
from bot.services.operations import shown_on
from bot.storage import applications, approvals, cards, operations
from bot.storage import incidents as incident_rows
from bot.storage import releases as release_rows
from bot.storage.engine import Connection, Database

DEPLOYS = 25
"""How many deploys are looked at to say who deployed a service last."""


class NotYet(Exception):
    """The card leads to another one, which has no message yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Renders cards, and knows where each kind belongs."""

    database: Database
    catalog: Catalog
    guild_id: int
    releases_channel: int
    alerts_channel: int
    audit_channel: int | None = None

    async def card(self, key: str, *, now: datetime) -> tuple[int, Card] | None:
        """The channel and the card behind a key; None when there is nothing to show (any more). May raise `NotYet`."""
        kind, _, rest = key.partition(":")
        async with self.database.reading() as connection:
            if kind == "release":
                return await self._release(connection, int(rest), now=now)
            if kind == "incident":
                episode, _, subject = rest.partition(":")
                return await self._incident(connection, subject, episode=int(episode))
            if kind == "operation":
                return await self._operation(connection, rest, now=now)
            if kind == "request":
                return await self._request(connection, rest, now=now)
            if kind == "audit":
                return await self._audit(connection, rest)
        raise LookupError(f"no card has a key like {key!r}")

    async def _release(self, connection: Connection, release_id: int, *, now: datetime) -> tuple[int, Card] | None:
        release = await release_rows.by_id(connection, release_id)
        if release is None or release.environment not in self.catalog.environments:
            return None
        operation = await operations.of_release(connection, release_id)
        approval = await approvals.of_operation(connection, operation.id) if operation else None
        card = release_card.render(
            release,
            id=release_id,
            operation=operation,
            approval=approval[0] if approval else None,
            catalog=self.catalog,
            now=now,
        )
        return self.releases_channel, card

    async def _operation(self, connection: Connection, operation_id: str, *, now: datetime) -> tuple[int, Card] | None:
        operation = await operations.get(connection, operation_id)
        if operation is None or operation.environment not in self.catalog.environments:
            return None
        approval = await approvals.of_operation(connection, operation_id)
        known = await applications.get(connection, operation.environment)
        card = operation_card.render(
            operation,
            approval=approval[0] if approval else None,
            observed=known.observation,
            catalog=self.catalog,
            now=now,
        )
        return self.releases_channel, card

    async def _incident(self, connection: Connection, subject: str, *, episode: int) -> tuple[int, Card] | None:
        incident = await incident_rows.get(connection, subject, episode=episode)
        return None if incident is None else (self.alerts_channel, incident_card.render(incident))

    async def _audit(self, connection: Connection, numbers: str) -> tuple[int, Card] | None:
        """A copy of rows; nothing to show once the topology names no channel for it any more."""
        first, last = map(int, numbers.split("-"))
        found = await copies.rows(connection, first=first, last=last)
        return (self.audit_channel, trail_card.copied(found)) if self.audit_channel and found else None

    async def _request(self, connection: Connection, operation_id: str, *, now: datetime) -> tuple[int, Card] | None:
        """The call for approvers: only where a role is to be called, and not when it was decided before the call."""
        operation = await operations.get(connection, operation_id)
        found = await approvals.of_operation(connection, operation_id)
        environment = self.catalog.environments.get(operation.environment) if operation else None
        if operation is None or found is None or environment is None or environment.mention is None:
            return None
        called = await cards.announced(connection, f"request:{operation_id}")
        if not called and found[0].state is not ApprovalState.PENDING:
            return None
        place = await cards.location(connection, shown_on(operation))
        if place is None and not called:
            raise NotYet  # Whoever is called must find the way.
        url = f"https://discord.com/channels/{self.guild_id}/{place[0]}/{place[1]}" if place else None
        card = summons.render(found[0], operation=operation, role=environment.mention, url=url, now=now)
        return self.releases_channel, card


async def status(database: Database, *, catalog: Catalog, environments: Iterable[str]) -> tuple[EnvironmentStatus, ...]:
    """What is known about these environments, without asking anybody outside."""
    found = []
    async with database.reading() as connection:
        for name in environments:
            known = await applications.get(connection, name)
            found.append(
                EnvironmentStatus(
                    environment=catalog.environments[name],
                    observed=known.observation,
                    failure=known.failure,
                    operations=tuple(await operations.opened(connection, name)),
                    deploys=tuple(await operations.succeeded(connection, name, limit=DEPLOYS)),
                )
            )
    return tuple(found)
