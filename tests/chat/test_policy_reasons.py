"""The last column of docs/policy.md: everything else that an order refuses, each by an order that is refused for it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

import pytest

from bot.cards.rollback import place_id
from bot.domain.approvals import ApprovalState, Vote
from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import freezes, operations
from bot.storage import operations as rows
from bot.storage import proofs, schema
from tests.cards import story
from tests.chat import orders, policy
from tests.chat.absent import KnownPlan
from tests.chat.desk import Desk, Press
from tests.chat.desk import desk as move_in
from tests.chat.orders import ID, SERVICE
from tests.chat.town import Town

TABLE = policy.table()
LIST = "Approve these …"
Case = Callable[[Desk, Press], Awaitable[Press]]


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, which nobody outside answers."""
    async with move_in(town, monkeypatch) as place:
        yield place


async def with_options(_desk: Desk, press: Press, *, options: Mapping[str, str]) -> Press:
    """The same command, with other options."""
    return replace(press, options={**press.options, **options})


async def without_rows(desk: Desk, press: Press) -> Press:
    """What the order is about is not there."""
    await desk.forget()
    return press


async def typed(_desk: Desk, press: Press, **fields: str) -> Press:
    """The same form, with something else in it."""
    return replace(press, typed=press.typed | fields)


async def unreadable(desk: Desk, press: Press, *, table: str) -> Press:
    """There is a freeze or a lock, and nobody can tell what it says."""
    await (orders.frozen if table == "freezes" else orders.locked)(desk, "prod")
    async with desk.town.database.transaction() as connection:
        await connection.execute(schema.metadata.tables[table].update().values(document="?"))
    return press


async def many(desk: Desk, press: Press) -> Press:
    """There are as many freezes as there may be."""
    for _ in range(freezes.MOST):
        await orders.frozen(desk, "prod")
    return press


async def looked(desk: Desk, press: Press, *, seen: bool, proven: tuple[str, ...] = ()) -> Press:
    """It is the real plan, from what the bot has `seen` to run and to run well."""
    KnownPlan.known = False
    if seen:
        await orders.runs_well(desk, "prod")
    async with desk.town.database.transaction() as connection:
        for tag in proven:
            await proofs.note(connection, environment="prod", tags={SERVICE: tag}, at=desk.town.clock())
    return press


async def elsewhere(desk: Desk, press: Press) -> Press:
    """It goes back to an image that was never seen to run well, though another one was."""
    await looked(desk, press, seen=True, proven=(story.OLD_TAG,))
    return replace(press, options=press.options | {"to": story.NEWER_TAG}) if press.command else press


async def under_way(desk: Desk, press: Press, *, kind: OperationKind) -> Press:
    """The same is under way already, and its order goes out at this moment."""
    operation = story.operation(OperationState.DISPATCHING, kind=kind, service=SERVICE, release_id=None)
    async with desk.town.database.transaction() as connection:
        assert await rows.add(connection, operation)
    return press


async def given_twice(desk: Desk, press: Press) -> Press:
    """The very order was given a moment ago."""
    assert await desk.press("approver", press) is None
    return press


async def by_itself(_desk: Desk, press: Press) -> Press:
    """A deploy without a tag, where Argo CD syncs by itself."""
    return replace(press, options={"environment": "staging", "service": SERVICE})


async def hard_again(desk: Desk, press: Press) -> Press:
    """A hard refresh, a moment after the last one."""
    hard = replace(press, options=press.options | {"hard": True})
    assert await desk.press("approver", hard) is None
    async with desk.town.database.transaction() as connection:
        [known] = await rows.opened(connection, "prod")
        assert await rows.save(connection, replace(known, state=OperationState.SUCCEEDED), expected=known.state)
    return hard


async def request(desk: Desk, press: Press, **changes: object) -> Press:
    """The request behind the button is another one than when the card was made."""
    known = await operations.get(desk.deps.database, ID)
    assert known is not None
    await desk.forget()
    await orders.asked(desk, "prod", by=known.requested_by or 0, **changes)
    return press


async def of_unknown_people(desk: Desk, press: Press) -> Press:
    """Somebody behind it is not in the identity map, and the environment refuses that."""
    return await request(desk, press, unmapped=("octocat",), refuse_unknown=True)


async def consented(desk: Desk, press: Press) -> Press:
    """Whoever presses has consented already, and more people are needed."""
    vote = Vote(person=desk.people["approver"].id, name="approver", at=desk.town.clock())
    return await request(desk, press, required=2, votes=(vote,))


async def mine_to_answer_for(desk: Desk, _press: Press) -> Press:
    """Whoever presses broke the glass."""
    await desk.forget()
    return await orders.broken(desk, "prod", by="approver")


async def rolled_back(desk: Desk, press: Press) -> Press:
    """What the plan goes back to was itself rolled back."""
    KnownPlan.rolled_back = True
    return press


async def not_meant(_desk: Desk, press: Press) -> Press:
    """The word that confirms going back to what was rolled back is another one."""
    return replace(press, form=press.form.replace(":tag:", ":tag?:"), typed=press.typed | {"word": "yes"})


async def nowhere(_desk: Desk, press: Press) -> Press:
    """The place of the button left the topology."""
    known = place_id("prod", SERVICE)
    assert known in press.button
    return replace(press, button=press.button.replace(known, "0" * 12))


CLOSED: dict[Reason, Case] = {
    Reason.ALREADY_DECIDED: partial(request, state=ApprovalState.GRANTED),
    Reason.WITHDRAWN: partial(request, state=ApprovalState.WITHDRAWN),
}
"""What a decision is refused for, besides what the second table says."""
RUNNING = partial(under_way, kind=OperationKind.DEPLOY)
NO_LOCK: dict[Reason, Case] = {Reason.LOCK_UNREADABLE: partial(unreadable, table="locks")}
UNREADABLE: dict[Reason, Case] = {**NO_LOCK, Reason.FREEZE_UNREADABLE: partial(unreadable, table="freezes")}
SILENT: dict[Reason, Case] = {Reason.NO_REASON: partial(with_options, options={"reason": " "})}
NO_WORD: dict[Reason, Case] = {
    Reason.NO_REASON: partial(typed, reason=" "),
    Reason.NOT_CONFIRMED: partial(typed, word="stop nothing"),
}
FORWARD: dict[Reason, Case] = {**UNREADABLE, Reason.NO_REASON: partial(with_options, options={"hotfix": " "})}
UNSEEN: dict[Reason, Case] = {
    Reason.RUNNING_UNKNOWN: partial(looked, seen=False),
    Reason.NOTHING_PROVEN: partial(looked, seen=True),
}
CASES: dict[str, dict[Reason, Case]] = {
    "/audit": {Reason.OPERATION_UNKNOWN: partial(with_options, options={"operation": "nothing"})},
    "/can": {Reason.UNKNOWN_ACTION: partial(with_options, options={"action": "dance"})},
    "/deploy": {Reason.ALREADY_OPEN: RUNNING, Reason.AUTOMATED: by_itself, **FORWARD},
    "/freeze add": {Reason.FREEZE_LIMIT: many, **SILENT},
    "/freeze remove": {Reason.FREEZE_UNKNOWN: without_rows, **SILENT},
    "/lock": SILENT,
    "/promote": {
        Reason.ALREADY_OPEN: RUNNING,
        Reason.SAME_PLACE: partial(with_options, options={"from": "prod"}),
        Reason.NOT_PROVEN: without_rows,
        **FORWARD,
    },
    "/refresh": {Reason.HARD_REFRESH_LIMITED: hard_again},
    "/rerun": {Reason.RERUN_ALREADY: given_twice, Reason.RUN_UNKNOWN: without_rows},
    "/restart": {Reason.ALREADY_OPEN: given_twice},
    "/resume": {Reason.NOT_STOPPED: without_rows},
    "/rollback": {**UNSEEN, Reason.NOT_PROVEN_HERE: elsewhere},
    "/unlock": {Reason.LOCK_UNKNOWN: without_rows, **SILENT},
    "/why": {Reason.OPERATION_UNKNOWN: without_rows},
    "Approve": {Reason.UNKNOWN_AUTHORS: of_unknown_people, Reason.ALREADY_VOTED: consented, **CLOSED, **UNREADABLE},
    "Reject": CLOSED,
    "Reject, its form": {**CLOSED, Reason.NO_REASON: NO_WORD[Reason.NO_REASON]},
    "Withdraw": CLOSED,
    "Break glass": CLOSED,
    "Break glass, its form": {**CLOSED, **NO_WORD, **UNREADABLE},
    "Acknowledge": {Reason.OWN_GLASS: mine_to_answer_for, Reason.NOTHING_TO_REVIEW: given_twice},
    LIST: UNREADABLE,
    "Run again": {Reason.RERUN_ALREADY: given_twice, Reason.RUN_UNKNOWN: without_rows},
    "Roll back": {Reason.UNKNOWN_SERVICE: nowhere, **UNSEEN},
    "Previous tag, git revert, Argo CD rollback, Emergency": {Reason.UNKNOWN_SERVICE: nowhere},
    "Previous tag, its form": {
        Reason.ALREADY_OPEN: partial(under_way, kind=OperationKind.ROLLBACK),
        **NO_LOCK,
        Reason.RUNNING_UNKNOWN: UNSEEN[Reason.RUNNING_UNKNOWN],
        Reason.NOT_PROVEN_HERE: elsewhere,
        Reason.ROLLED_BACK_BEFORE: rolled_back,
        Reason.NO_REASON: NO_WORD[Reason.NO_REASON],
        Reason.NOT_CONFIRMED: not_meant,
    },
    "Stop it": {Reason.ALREADY_OPEN: given_twice},
    "/stop, its form": NO_WORD,
    "/resume, its form": {Reason.NOT_STOPPED: without_rows, **NO_WORD},
}


async def test_each_reason_of_the_table_is_given_for_what_it_says(desk: Desk) -> None:
    assert {(row.order, reason) for row in TABLE for reason in row.besides} == {
        (order, reason) for order, cases in CASES.items() for reason in cases
    }
    expected, found = {}, {}
    for row in TABLE:
        role = "developer" if row.order in ("/deploy", "/promote", "Withdraw") else "approver"
        for reason, case in CASES.get(row.order, {}).items():
            await desk.forget()
            press = await orders.order(row.order)(desk, "prod")
            found[row.order, reason] = await desk.press(role, await case(desk, press))
            expected[row.order, reason] = reason
    assert found == expected


async def test_a_request_that_the_bot_does_not_know_is_superseded_for_everybody(desk: Desk) -> None:
    """It belongs to no environment, so no role can be asked for."""
    about = [row.order for row in TABLE if row.request is not None and row.order not in ("All that wait", LIST)]
    found = {}
    for name in about:
        press = await orders.order(name)(desk, "prod")
        await desk.forget()
        found[name] = [await desk.press(role, press) for role in policy.ROLES]
    assert found == dict.fromkeys(about, [Reason.SUPERSEDED] * len(policy.ROLES))


async def test_what_the_topology_does_not_name_is_refused_everywhere(desk: Desk) -> None:
    """Before anything else is told of it: a place is refused first, then a service."""
    expected, found = {}, {}
    for name, command in desk.commands().items():
        for option in command.parameters:
            unknown = {"environment": Reason.UNKNOWN_ENVIRONMENT, "service": Reason.UNKNOWN_SERVICE}
            if option.display_name not in unknown or (name, option.display_name) == ("/unlock", "service"):
                continue  # a lock on a service that is gone can be removed
            await desk.forget()
            press = await orders.order(name)(desk, "staging")
            press = replace(press, options=press.options | {option.display_name: "nowhere"})
            found[name, option.display_name] = await desk.press("developer", press)
            expected[name, option.display_name] = unknown[option.display_name]
    for name in ("All that wait", LIST, "Older", "Stop it"):
        press = await orders.order(name)(desk, "staging")
        press = replace(press, button=press.button.replace(":staging", ":nowhere"))
        found[name, "button"] = await desk.press("developer", press)
        expected[name, "button"] = Reason.UNKNOWN_ENVIRONMENT
        await desk.forget()
    assert found == expected
    assert len(found) > 30
