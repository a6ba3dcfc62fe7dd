"""The first table of docs/policy.md, tried: every order, every role, every environment, and what stands in the way."""

from collections.abc import AsyncIterator

import pytest

from bot.chat import buttons, forms
from bot.chat.components import FORMS, KINDS
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason
from tests.chat import cells, orders, policy
from tests.chat.desk import Desk
from tests.chat.desk import desk as move_in
from tests.chat.policy import Situation
from tests.chat.town import Town
from tests.docs.pages import README, rows, section

TABLE = policy.table()


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, which nobody outside answers."""
    async with move_in(town, monkeypatch) as place:
        yield place


async def test_the_table_has_every_command_button_and_form(desk: Desk) -> None:
    assert policy.commands() == sorted(desk.commands())
    assert policy.labels() == [cells[0] for cells in rows(section(README, "Buttons"))]
    assert {row.order for row in TABLE} == {*desk.commands(), *orders.OTHERS}
    presses = []
    for name in orders.OTHERS:
        presses.append(await orders.order(name)(desk, "prod"))
        await desk.forget()
    assert {buttons.find(KINDS, press.button) for press in presses if press.button} == {*KINDS}
    names = {form.name for press in presses if press.form and (form := forms.find(FORMS, press.form))}
    assert names == {form.name for form in FORMS}
    assert {capability for row in TABLE for capability, _ in row.needs} == set(Capability)


@pytest.mark.parametrize("environment", policy.ENVIRONMENTS)
async def test_every_order_is_answered_as_the_table_says(desk: Desk, environment: str) -> None:
    """As every role, with every obstacle. Whoever lacks the role hears that, whatever else there is to say."""
    wrong = []
    for row in TABLE:
        obstacles = policy.ALONE + (policy.TOGETHER if row.lock else ())
        situations = [Situation(obstacles=standing) for standing in obstacles]
        wrong += await cells.wrong(desk, row, environment=environment, situations=situations)
    assert wrong == []


async def test_roles_count_as_they_are_at_the_press(desk: Desk) -> None:
    """Whoever had every role when the card or the form was made has none when it is used."""
    backend, guild = desk.town.env.backend, desk.town.guild
    roles = {role: [*guild_roles(desk, role)] for role in policy.ROLES}
    found, expected = {}, {}
    for row in TABLE:
        role = next(one for one in policy.ROLES if not _refused(row, "staging", one))
        await desk.forget()
        press = await orders.order(row.order)(desk, "staging")
        backend.edit_member(guild.id, desk.people[role].id, {"role_ids": []})
        found[row.order] = await desk.press(role, press)
        expected[row.order] = policy.refusal(row, environment="staging", role="nobody")
        backend.edit_member(guild.id, desk.people[role].id, {"role_ids": roles[role]})
    assert found == expected
    assert set(found.values()) == {None, Reason.MISSING_ROLE}


def guild_roles(desk: Desk, role: str) -> list[int]:
    """The roles that a member has now."""
    return [*desk.town.env.backend.get_member(desk.town.guild.id, desk.people[role].id).role_ids]


def _own(row: policy.Row, role: str) -> Reason | None:
    """Whoever may withdraw may so only what is their own, which is the developer's here."""
    return Reason.NOT_YOUR_REQUEST if row.order == "Withdraw" and role != "developer" else None


def _refused(row: policy.Row, environment: str, role: str) -> Reason | None:
    return policy.refusal(row, environment=environment, role=role) or _own(row, role)
