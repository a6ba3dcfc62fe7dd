"""What people look at, gathered from the rows: the card behind a key, and the status of environments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.cards import glass as glass_card
from bot.cards import incident as incident_card
from bot.cards import locks as lock_cards
from bot.cards import operation as operation_card
from bot.cards import release as release_card
from bot.cards import standing, summons
from bot.cards import stops as stop_cards
from bot.cards import trail as trail_card
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain import releases, rollbacks
from bot.domain.approvals import REMINDERS
from bot.domain.catalog import Catalog
from bot.domain.freezes import frozen
from bot.domain.locks import in_force
from bot.domain.obstacles import Obstacle, stands_still
from bot.domain.operations import Operation, OperationState
from bot.domain.releases import Release
from bot.domain.trail import is_loud
from bot.services import copies, obstacles
from bot.services.showing import shown_on
from bot.storage import applications, approvals, cards, operations
from bot.storage import freezes as freeze_rows
from bot.storage import incidents as incident_rows
from bot.storage import locks as lock_rows
from bot.storage import releases as release_rows
from bot.storage import stops as stop_rows
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
                return await self._request(connection, rest, key=key, now=now)
            if kind == "reminder":
                operation_id, _, number = rest.partition(":")
                return await self._request(connection, operation_id, key=key, reminder=int(number), now=now)
            if kind == "nag":
                lock_id, _, number = rest.partition(":")
                return await self._lock(connection, lock_id, number=int(number), now=now)
            if kind == "glass":
                operation_id, _, number = rest.partition(":")
                return await self._glass(connection, operation_id, number=int(number))
            if kind == "audit":
                return await self._audit(connection, rest)
            if kind == "audit-broken":
                return (self.audit_channel, trail_card.broken(rest)) if self.audit_channel else None
            if kind == "stop":
                channel, stop_id, number = rest.split(":")
                return await self._stop(connection, stop_id, channel=channel, number=int(number))
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
            held_by=await _in_the_way(connection, operation, now=now),
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
            held_by=await _in_the_way(connection, operation, now=now),
        )
        return self.releases_channel, card

    async def _incident(self, connection: Connection, subject: str, *, episode: int) -> tuple[int, Card] | None:
        incident = await incident_rows.get(connection, subject, episode=episode)
        return None if incident is None else (self.alerts_channel, incident_card.render(incident))

    async def _lock(
        self, connection: Connection, lock_id: str, *, number: int, now: datetime
    ) -> tuple[int, Card] | None:
        """The newest message about a lock; of one that is gone only when an earlier one may be there."""
        lock = await lock_rows.get(connection, lock_id)
        environment = self.catalog.environments.get(lock.environment) if lock else None
        if lock is None or environment is None or number < lock.nags:
            return None
        if not in_force(lock, now=now):
            told = [await cards.announced(connection, f"nag:{lock_id}:{one}") for one in {0, lock.nags}]
            if not any(told):
                return None
        rollback = await operations.get(connection, lock.operation_id) if lock.operation_id else None
        card = lock_cards.notice(lock, environment=environment, number=number, rollback=rollback)
        return self.releases_channel, card

    async def _glass(self, connection: Connection, operation_id: str, *, number: int) -> tuple[int, Card] | None:
        """The newest message about broken glass, until and after somebody has reviewed it."""
        operation = await operations.get(connection, operation_id)
        found = await approvals.of_operation(connection, operation_id)
        environment = self.catalog.environments.get(operation.environment) if operation else None
        if operation is None or found is None or environment is None:
            return None
        approval, broken = found[0], found[0].broken
        if broken is None or number < broken.nags:
            return None
        url = await self._url(connection, shown_on(operation))
        card = glass_card.notice(approval, broken, environment=environment, number=number, url=url)
        return self.alerts_channel, card

    async def _url(self, connection: Connection, key: str) -> str | None:
        """Where the message of a card is, once there is one."""
        place = await cards.location(connection, key)
        return f"https://discord.com/channels/{self.guild_id}/{place[0]}/{place[1]}" if place else None

    async def _audit(self, connection: Connection, numbers: str) -> tuple[int, Card] | None:
        """A copy of rows; nothing to show once the topology names no channel for it any more."""
        first, last = map(int, numbers.split("-"))
        found = await copies.rows(connection, first=first, last=last)
        if not self.audit_channel or not found:
            return None
        if not is_loud(found[0]):
            return self.audit_channel, trail_card.copied(found)
        operation = await operations.get(connection, found[0].operation_id or "")
        url = await self._url(connection, shown_on(operation)) if operation else None
        environment = self.catalog.environments.get(found[0].environment or "")
        return self.audit_channel, trail_card.loud(found[0], environment=environment, url=url)

    async def _stop(
        self, connection: Connection, stop_id: str, *, channel: str, number: int
    ) -> tuple[int, Card] | None:
        """The newest message about a stop, in each of the channels."""
        stop = await stop_rows.get(connection, stop_id)
        if stop is None or number < stop.nags:
            return None
        place = self.alerts_channel if channel == "alerts" else self.releases_channel
        return place, stop_cards.notice(stop, number=number)

    async def _request(
        self, connection: Connection, operation_id: str, *, key: str, now: datetime, reminder: int = 0
    ) -> tuple[int, Card] | None:
        """The call for approvers: only where a role is to be called, when it is not decided and may be.

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
        held_by = await _in_the_way(connection, operation, now=now)
        if role is None or (not called and (held_by or not standing.is_open(found[0], now=now))):
            return None
        url = await self._url(connection, shown_on(operation))
        if url is None and not called:
            raise NotYet  # Whoever is called must find the way.
        opened = await operations.opened(connection, operation.environment)
        several = sum(one.state is OperationState.WAITING for one in opened) > 1
        card = summons.render(
            found[0],
            operation=operation,
            role=role,
            url=url,
            now=now,
            reminder=reminder,
            several=several,
            still=stands_still(held_by),
        )
        return self.releases_channel, card


async def _rolled_back(connection: Connection, release: Release) -> Operation | None:
    """The rollback that took the release away, among the newest operations."""
    tag = releases.current_tag(release)
    if tag is None or not releases.state(release).ended:
        return None
    done = await operations.succeeded(connection, release.environment, limit=DEPLOYS)
    return rollbacks.is_gone(release.service, tag=tag, operations=done)


async def _in_the_way(connection: Connection, operation: Operation | None, *, now: datetime) -> tuple[Obstacle, ...]:
    """What keeps people from consenting to what waits for them."""
    if operation is None or operation.state is not OperationState.WAITING:
        return ()
    return await obstacles.all_of(connection, operation, now=now)


async def status(
    database: Database, *, catalog: Catalog, environments: Iterable[str], now: datetime
) -> tuple[EnvironmentStatus, ...]:
    """What is known about these environments, without asking anybody; of locks and freezes, those that hold `now`."""
    found = []
    async with database.reading() as connection:
        freezes = [one for row in await freeze_rows.standing(connection) if (one := frozen(row.freeze, now=now))]
        held = [lock for lock in await lock_rows.standing(connection) if in_force(lock, now=now)]
        for name in environments:
            known = await applications.get(connection, name)
            found.append(
                EnvironmentStatus(
                    environment=catalog.environments[name],
                    observed=known.observation,
                    failure=known.failure,
                    operations=tuple(await operations.opened(connection, name)),
                    deploys=tuple(await operations.succeeded(connection, name, limit=DEPLOYS)),
                    locks=tuple(lock for lock in held if lock.environment == name),
                    frozen=tuple(one for one in freezes if one.freeze.environment == name),
                )
            )
    return tuple(found)
