"""The last column of docs/policy.md: the content has moved since it was shown, and nobody has noticed.

The press cannot know, and counts. So here is a world with a worker in it, the real one, which prepared the request and
looks again before it acts.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from bot import topology as topologies
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason
from bot.services import bulk, glass
from bot.settings import PACKAGED_TOPOLOGY
from bot.storage import schema
from sandbox.world import World, with_clusters
from tests.chat import policy
from tests.chat.cells import MISSING
from tests.chat.desk import Desk, Press
from tests.chat.desk import desk as move_in
from tests.chat.orders import STRANGER, WHY
from tests.chat.policy import Row, Situation
from tests.chat.town import Town
from tests.services.house import TICKETS, Bot, bot_in
from tests.services.outside import outside_of

ROWS = [row for row in policy.table() if row.request is not None]
ASKING = Actor(id=STRANGER, name="somebody", guild_id=1, role_ids=frozenset())
MOVED = Situation()
"""To the press it is a request that waits."""


@dataclass(kw_only=True)
class Place:
    """The desk, the worker and the world."""

    desk: Desk
    bot: Bot
    world: World
    changes: int = 0

    async def asked(self, environment: str) -> Operation:
        """A request of somebody else, put before people."""
        waiting = await self.bot.step(await self.bot.request(ASKING, environment=environment))
        assert waiting.state is OperationState.WAITING, waiting
        return waiting

    def move(self, environment: str) -> None:
        """Somebody changes what would be deployed."""
        overlay, self.changes = self.world.overlay(environment), self.changes + 1
        config = {**overlay.config, TICKETS: {"LOG_LEVEL": str(self.changes)}}
        self.world.commit_overlay(environment, replace(overlay, config=config), message="logs", login="sora")


@asynccontextmanager
async def place_in(
    town: Town, database_url: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """Everywhere people sync and somebody has to consent, so that a request can wait in every environment."""
    packaged = with_clusters(topologies.load(PACKAGED_TOPOLOGY))
    manual = {name: one.model_copy(update={"automated": False}) for name, one in packaged.environments.items()}
    topology = packaged.model_copy(update={"environments": manual})
    known = topology.catalog(argocd_url="https://argocd.test")
    consenting = {
        name: replace(one, required_approvals=1, refuse_unknown=False) for name, one in known.environments.items()
    }
    async with (
        outside_of(topology, directory) as outside,
        bot_in(outside, database_url, catalog=replace(known, environments=consenting)) as bot,
        move_in(town, monkeypatch) as desk,
    ):
        town.clock.now = outside.clock()
        for environment in policy.ENVIRONMENTS:
            outside.world.release(environment, TICKETS, login="hyunwoo")
        yield Place(desk=desk, bot=bot, world=outside.world)


async def order(place: Place, row: Row, operation: Operation) -> Press:
    """The order about this request."""
    environment = operation.environment
    if row.order == "Acknowledge":
        await glass.smash(place.bot.database, operation.id, actor=ASKING, reason=WHY, now=place.bot.clock())
    found = await bulk.waiting(place.bot.database, environment, actor=replace(ASKING, id=1), now=place.bot.clock())
    typed = {"reason": WHY, "word": environment}
    return {
        "Approve": Press(button=f"chatops:approve:{operation.id}"),
        "Reject": Press(button=f"chatops:reject:{operation.id}"),
        "Reject, its form": Press(form=f"chatops:reject:{operation.id}", typed=typed),
        "Withdraw": Press(button=f"chatops:withdraw:{operation.id}"),
        "Break glass": Press(button=f"chatops:glass:{operation.id}"),
        "Break glass, its form": Press(form=f"chatops:bg:{operation.id}:{environment}", typed=typed),
        "Acknowledge": Press(button=f"chatops:review:{operation.id}"),
        "All that wait": Press(button=f"chatops:waiting:{environment}"),
        "Approve these …": Press(button=f"chatops:all:{environment}:{bulk.fingerprint(found)}"),
    }[row.order]


async def moved(place: Place, row: Row, environment: str) -> tuple[Operation, Press]:
    """A request whose content has changed since it was shown, and the order about it."""
    await place.desk.forget()
    operation = await place.asked(environment)
    press = await order(place, row, operation)
    place.move(environment)
    return operation, press


async def after(place: Place, operation: Operation) -> Reason | None:
    """What the worker makes of a request that was let go: nothing is deployed, and the same is asked as it is now."""
    gone = await place.bot.step(await place.bot.operation(operation.id))
    assert gone.state is OperationState.SUPERSEDED, gone
    again = await place.bot.step((await place.bot.operations())[-1])
    assert (again.state, again.before) == (OperationState.WAITING, operation.content)
    assert (await place.bot.approval(again.id)).votes == ()
    assert place.world.syncs == []
    return gone.reason


@pytest.mark.parametrize("environment", policy.ENVIRONMENTS)
async def test_what_has_moved_is_asked_again_and_not_deployed(
    town: Town, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    wrong: list[str] = []
    async with place_in(town, database_url, tmp_path, monkeypatch) as place:
        for row in ROWS:
            ready = None
            for role in policy.ROLES:
                operation, press = ready = ready or await moved(place, row, environment)
                expected = policy.answer(row, environment=environment, role=role, situation=MOVED)
                answered = await place.desk.press(role, press)
                if answered is None and row.consents:
                    answered = await after(place, operation)
                    expected = expected or (row.request or {})["moved"]
                if answered != expected:
                    wrong.append(f"{row.order} as {role} in {environment}: {answered}, not {expected}")
                ready = ready if answered in MISSING else None
    assert wrong == []


async def test_the_pipelines_own_request_ends_instead(
    town: Town, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place_in(town, database_url, tmp_path, monkeypatch) as place:
        own = await place.asked("prod")
        async with place.bot.database.transaction() as connection:
            document = (await place.bot.table("operations"))[0]["document"]
            by_pipeline = document.replace('"by_pipeline":false', '"by_pipeline":true')
            await connection.execute(update(schema.operations).values(document=by_pipeline))
        place.move("prod")
        assert await place.desk.press("approver", Press(button=f"chatops:approve:{own.id}")) is None
        gone = await place.bot.step(await place.bot.operation(own.id))
        assert (gone.state, gone.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
        assert len(await place.bot.operations()) == 1
