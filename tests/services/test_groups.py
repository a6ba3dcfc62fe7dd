"""Consent of several groups, as the topology asks for it, with the roles of the moment of each press."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.approvals import ApprovalState, Group
from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState
from bot.domain.permissions import Actor
from bot.services import approvals
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.outside import Outside

RELEASE, SECURITY = 51, 52
GROUPS = (Group(name="release", roles=frozenset({RELEASE})), Group(name="security", roles=frozenset({SECURITY})))


@pytest.fixture
async def bot(outside: Outside, database_url: str, catalog: Catalog) -> AsyncIterator[Bot]:
    """A bot whose prod needs somebody of release and somebody of security."""
    prod = replace(catalog.environments["prod"], required_approvals=2, approval_groups=GROUPS)
    places = {**catalog.environments, "prod": prod}
    async with bot_in(outside, database_url, catalog=replace(catalog, environments=places)) as bot:
        yield bot


def holding(actor: Actor, *roles: int) -> Actor:
    return replace(actor, role_ids=frozenset(roles))


async def test_it_goes_when_every_group_has_agreed(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(HYUNWOO)
    third = replace(SORA, id=24, name="jia")

    states = []
    for actor in (holding(MINJI, RELEASE), holding(SORA, RELEASE), holding(third, SECURITY)):
        await approvals.grant(bot.database, waiting.id, actor=actor, now=bot.clock())
        states.append(((await bot.approval(waiting.id)).state, (await bot.operation(waiting.id)).state))

    assert states == [
        (ApprovalState.PENDING, OperationState.WAITING),
        (ApprovalState.PENDING, OperationState.WAITING),
        (ApprovalState.GRANTED, OperationState.APPROVED),
    ]
    assert [(vote.name, vote.roles) for vote in (await bot.approval(waiting.id)).votes] == [
        ("minji", frozenset({RELEASE})),
        ("sora", frozenset({RELEASE})),
        ("jia", frozenset({SECURITY})),
    ]
