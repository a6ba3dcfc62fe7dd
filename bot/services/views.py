"""What people look at, gathered from the rows: the card behind a key, and the status of environments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.cards import incident as incident_card
from bot.cards import operation as operation_card
from bot.cards import release as release_card
from bot.cards import standing, summons
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain import releases, rollbacks
from bot.domain.approvals import REMINDERS
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.releases import Release
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
                return await self._request(connection, rest, key=key, now=now)
            if kind == "reminder":
                operation_id, _, number = rest.partition(":")
                return await self._request(connection, operation_id, key=key, reminder=int(number), now=now)
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
            rolled_back=await _rolled_back(connection, release),
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

    async def _request(
        self, connection: Connection, operation_id: str, *, key: str, now: datetime, reminder: int = 0
    ) -> tuple[int, Card] | None:
        """The call for approvers: only where a role is to be called, and not when it was decided before the call.

        The last reminder calls the role that stands above them, where there is one.
        """
        operation = await operations.get(connection, operation_id)
        found = await approvals.of_operation(connection, operation_id)
        environment = self.catalog.environments.get(operation.environment) if operation else None
        if operation is None or found is None or environment is None:
            return None
        above = environment.escalate if reminder == REMINDERS else None
        role = above or environment.mention
        called = await cards.announced(connection, key)
        if role is None or (not called and not standing.is_open(found[0], now=now)):
            return None
        place = await cards.location(connection, shown_on(operation))
        if place is None and not called:
            raise NotYet  # Whoever is called must find the way.
        url = f"https://discord.com/channels/{self.guild_id}/{place[0]}/{place[1]}" if place else None
        opened = await operations.opened(connection, operation.environment)
        several = sum(one.state is OperationState.WAITING for one in opened) > 1
        card = summons.render(
            found[0], operation=operation, role=role, url=url, now=now, reminder=reminder, several=several
        )
        return self.releases_channel, card


async def _rolled_back(connection: Connection, release: Release) -> Operation | None:
    """The rollback that took the release away, among the newest operations."""
    tag = releases.current_tag(release)
    if tag is None or not releases.state(release).ended:
        return None
    done = await operations.succeeded(connection, release.environment, limit=DEPLOYS)
    return rollbacks.is_gone(release.service, tag=tag, operations=done)


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
