"""Stored deliveries into facts.

The intake takes deliveries in the order they came, parses them outside of any transaction, and works a batch off in
one transaction: the facts and the mark "done" are committed together, so a crash repeats a batch and loses none.
Repeating is harmless because releases and incidents are joins.

A job, and a run that a person started by hand, do not say which environment they build for. Their deliveries are
parked under the run until a report tells it, and then taken again.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.domain.catalog import Catalog
from bot.domain.events import (
    ApplicationHinted,
    BranchPushed,
    Event,
    JobReported,
    RunReported,
    StageReported,
    Unusable,
)
from bot.services import environments, releases
from bot.storage import applications, deliveries
from bot.storage import releases as rows
from bot.storage.deliveries import Delivery, End
from bot.storage.engine import Connection, Database

BATCH = 50
OFF_THE_LOOP_BYTES = 1_000_000
MAX_ATTEMPTS = 5
PAUSE = timedelta(seconds=1)
BREATH = timedelta(milliseconds=20)  # under load it makes batches larger and leaves the database to the doors

log = structlog.get_logger(__name__)

Parse = Callable[..., tuple[Event, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one delivery."""

    state: deliveries.Ended
    reason: str | None = None
    subject: str | None = None


class Intake:
    """Works deliveries off; `parsers` has one function per source, `(headers, body, *, catalog) -> events`."""

    def __init__(
        self,
        database: Database,
        *,
        catalog: Catalog,
        parsers: Mapping[str, Parse],
        clock: Callable[[], datetime],
        observe: Callable[[str, str], None],
        pause: timedelta = PAUSE,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._parsers = parsers
        self._clock = clock
        self._observe = observe
        self._pause = pause.total_seconds()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            worked = await self.work()
            if worked > 1:
                await asyncio.sleep(BREATH.total_seconds())
            elif not worked:
                await self._database.wait("deliveries", seconds=self._pause)

    async def work(self) -> int:
        """Work one batch off and say how many deliveries it had."""
        batch = await deliveries.take(self._database, limit=BATCH)
        if not batch:
            return 0
        parsed = [(delivery, await self._parse(delivery)) for delivery in batch]
        try:
            await self._commit(parsed)
        except Exception:
            # One delivery whose facts the database refuses must not hold up the others: take them one by one, and
            # give up on the one that keeps failing.
            log.exception("intake.batch_failed", deliveries=[delivery.id for delivery in batch])
            for pair in parsed:
                await self._commit_alone(pair)
        return len(batch)

    async def _parse(self, delivery: Delivery) -> tuple[Event, ...] | Outcome:
        try:
            parse = self._parsers[delivery.source]
            if len(delivery.body) > OFF_THE_LOOP_BYTES:
                return await asyncio.to_thread(parse, delivery.headers, delivery.body, catalog=self._catalog)
            return parse(delivery.headers, delivery.body, catalog=self._catalog)
        except Unusable as error:
            return Outcome(state="failed", reason=str(error))
        except Exception as error:
            # A parser that meets a body nobody thought of must neither lose it nor stop the others.
            log.exception("intake.parse_failed", delivery=delivery.id)
            return Outcome(state="failed", reason=f"The parser raised {type(error).__name__}.")

    async def _commit(self, parsed: list[tuple[Delivery, tuple[Event, ...] | Outcome]]) -> None:
        now = self._clock()
        places = tuple(self._catalog.environments)
        told = any(result and not isinstance(result, Outcome) for _, result in parsed)
        wakes = ("cards", "deliveries", "applications") if told else ()
        ends = []
        async with environments.changing(self._database, *places, wakes=wakes) as connection:
            for delivery, result in parsed:
                outcome = result if isinstance(result, Outcome) else await self._apply(connection, result, now=now)
                end = End(id=delivery.id, state=outcome.state, reason=outcome.reason, subject=outcome.subject)
                if outcome.state == "parked":
                    # At once, because what it waits for may be a later delivery of this very batch.
                    await deliveries.finish_all(connection, [end])
                else:
                    ends.append(end)
            await deliveries.finish_all(connection, ends)
        for delivery, result in parsed:
            self._observe(delivery.source, "failed" if isinstance(result, Outcome) else "parsed")

    async def _commit_alone(self, pair: tuple[Delivery, tuple[Event, ...] | Outcome]) -> None:
        try:
            await self._commit([pair])
        except Exception as error:
            # The database refuses these facts: they are tried again, and then kept as failed, where an operator finds
            # and replays them. A database that is away cannot count either; that ends the intake, and nothing is lost.
            log.exception("intake.delivery_failed", delivery=pair[0].id)
            if pair[0].attempts + 1 >= MAX_ATTEMPTS:
                reason = f"The facts could not be stored: {type(error).__name__}."
                await self._commit([(pair[0], Outcome(state="failed", reason=reason))])
            else:
                async with self._database.transaction() as connection:
                    await deliveries.count_attempt(connection, pair[0].id)
                await asyncio.sleep(self._pause)

    async def _apply(self, connection: Connection, events: tuple[Event, ...], *, now: datetime) -> Outcome:
        outcome = Outcome(state="done" if events else "ignored")
        for event in events:
            match event:
                case BranchPushed():
                    for environment in self._catalog.environments.values():
                        if environment.branch == event.branch:
                            await applications.hint(connection, environment.name, now=now)
                case ApplicationHinted():
                    await applications.hint(connection, event.environment, now=now)
                case _:
                    outcome = await self._report(connection, event, now=now) or outcome
        return outcome

    async def _report(
        self, connection: Connection, event: RunReported | JobReported | StageReported, *, now: datetime
    ) -> Outcome | None:
        subject = f"run:{event.run_id}"
        if event.environment is not None and not isinstance(event, JobReported):
            new = await rows.remember_run(
                connection, run_id=event.run_id, service=event.service, environment=event.environment
            )
            if new:
                await deliveries.unpark(connection, subject)
        place = await rows.run(connection, event.run_id)
        if place is None:
            return Outcome(state="parked", reason="waits for a report that names the environment", subject=subject)
        service, environment = place
        await releases.record(connection, replace(event, service=service), environment=environment, now=now)
        return None
