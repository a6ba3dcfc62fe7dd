"""The second table of docs/policy.md, tried: whose request it is and what became of it, with what stands in the way."""

from collections.abc import AsyncIterator
from itertools import product

import pytest

from tests.chat import cells, policy
from tests.chat.desk import Desk
from tests.chat.desk import desk as move_in
from tests.chat.policy import Situation
from tests.chat.town import Town

TABLE = policy.table()


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, which nobody outside answers."""
    async with move_in(town, monkeypatch) as place:
        yield place


@pytest.mark.parametrize("environment", policy.ENVIRONMENTS)
async def test_every_order_about_a_request_is_answered_as_the_table_says(desk: Desk, environment: str) -> None:
    situations = [
        Situation(owner=owner, state=state, obstacles=obstacles)
        for owner, state, obstacles in product(policy.OWNERS, policy.STATES, policy.ALONE)
    ]
    wrong = []
    for row in TABLE:
        if row.request is not None:
            wrong += await cells.wrong(desk, row, environment=environment, situations=situations)
    assert wrong == []


@pytest.mark.parametrize("environment", policy.ENVIRONMENTS)
async def test_a_request_beside_it_changes_nothing_for_any_other_order(desk: Desk, environment: str) -> None:
    """Whatever became of it, and though it is the member's own: what takes its place, for one, does not ask it."""
    situations = [Situation(owner="own", state=state) for state in ("waits", "expired", "superseded")]
    wrong = []
    for row in TABLE:
        if row.request is None:
            wrong += await cells.wrong(desk, row, environment=environment, situations=situations)
    assert wrong == []


@pytest.mark.parametrize("environment", policy.ENVIRONMENTS)
async def test_consent_to_going_back_and_to_a_hot_fix_passes_what_they_pass(desk: Desk, environment: str) -> None:
    situations = [
        Situation(kind=kind, obstacles=obstacles)
        for kind, obstacles in product(("rollback", "hotfix"), policy.ALONE + policy.TOGETHER)
    ]
    wrong = []
    for row in TABLE:
        if row.consents:
            wrong += await cells.wrong(desk, row, environment=environment, situations=situations)
    assert wrong == []
