"""How each order of the policy's table is given, with the rows that it needs: by the text of its first cell."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from bot.cards.rollback import place_id
from bot.domain.events import RunStatus
from bot.domain.freezes import Freeze
from bot.domain.operations import Operation, OperationState
from bot.services import bulk, freezes, glass, locks, stops
from bot.storage import applications, approvals, operations
from bot.storage import releases as release_rows
from tests.cards import story
from tests.chat import policy
from tests.chat.desk import Desk, Press

ID = "0194350c8a20a1b2c3d4e5f6"
SERVICE, WHY = "ticket-service", "It has to be so"
STRANGER = 999
Order = Callable[[Desk, str], Awaitable[Press]]


async def asked(desk: Desk, environment: str, *, by: int = STRANGER, **changes: Any) -> Operation:
    """A request that waits for consent; `changes` are those of the approval."""
    now = desk.town.clock()
    operation = replace(
        story.operation(OperationState.WAITING, release_id=None, environment=environment),
        requested_by=by,
        requested_at=now,
        updated_at=now,
    )
    known: dict[str, Any] = {"authors": frozenset({by}), "requested_at": now, "expires_at": now + timedelta(hours=1)}
    approval = replace(story.approval(), environment=environment, **(known | changes))
    async with desk.town.database.transaction() as connection:
        await operations.add(connection, operation)
        await approvals.add(connection, approval)
    return operation


async def failed_run(desk: Desk, environment: str) -> int:
    """A release whose run failed. Gives its id."""
    told = story.told([story.run(RunStatus.COMPLETED, "failure", environment=environment)], environment=environment)
    async with desk.town.database.transaction() as connection:
        stored = await release_rows.change(
            connection,
            environment=environment,
            service=told.service,
            source_revision=told.source_revision,
            now=desk.town.clock(),
            step=lambda _empty: told,
        )
    return stored.id


async def runs_well(desk: Desk, environment: str) -> None:
    """The service runs, healthy."""
    async with desk.town.database.transaction() as connection:
        await applications.save(connection, story.seen(110, environment=environment, live=story.TAG, ready=3))


async def stopped(desk: Desk) -> None:
    """Everything is stopped."""
    now, actor = desk.town.clock(), desk.actor("developer")
    await stops.stop(desk.deps.database, catalog=desk.deps.catalog, actor=actor, reason=WHY, now=now)


async def locked(desk: Desk, environment: str, *, by: str = "developer", rollbacks: bool = False) -> None:
    """The environment is locked, for rollbacks too if it is said so."""
    await locks.lock(
        desk.deps.database,
        environment=environment,
        service=None,
        actor=desk.actor(by),
        reason=WHY,
        now=desk.town.clock(),
        blocks_rollbacks=rollbacks,
    )


async def frozen(desk: Desk, environment: str) -> Freeze:
    """The environment is frozen until tomorrow."""
    now = desk.town.clock()
    wanted = freezes.Wanted(
        environment=environment, service=None, reason=WHY, ends=f"{now + timedelta(days=1):%FT%H:%M}"
    )
    actor = desk.actor("viewer")
    return (await freezes.add(desk.deps.database, wanted, catalog=desk.deps.catalog, actor=actor, now=now)).freeze


async def command(name: str, desk: Desk, environment: str) -> Press:
    """A command with its environment and all that it cannot do without."""
    tomorrow = desk.town.clock() + timedelta(days=1)
    values = {
        "environment": environment,
        "service": SERVICE,
        "reason": WHY,
        "from": policy.BEFORE[environment],
        "to": environment,
        "member": str(desk.people["viewer"].id),
        "action": "deploy",
        "operation": ID,
        "freeze": ID,
    }
    known = desk.commands()[name].parameters
    options = {one.display_name: values[one.display_name] for one in known if one.required}
    if "environment" in {one.display_name for one in known}:
        options["environment"] = environment
    if name == "/deploy":
        options["tag"] = story.TAG  # so that it is no other thing where Argo CD syncs by itself
    if name == "/freeze add":
        options["until"] = f"{tomorrow:%FT%H:%M}"
    if name == "/promote":
        options |= {"from": policy.BEFORE[environment], "to": environment}
        await runs_well(desk, policy.BEFORE[environment])
    return Press(command=name, options=options)


async def prepared(name: str, desk: Desk, environment: str) -> Press:
    """The same for commands that are about a row."""
    press = await command(name, desk, environment)
    if name == "/freeze remove":
        gone = await frozen(desk, environment)
        return replace(press, options=press.options | {"freeze": gone.id, "reason": WHY})
    if name == "/why":
        await asked(desk, environment)
    if name == "/rerun":
        await failed_run(desk, environment)
    if name == "/unlock":
        await locked(desk, environment)
        return replace(press, options=press.options | {"reason": WHY})
    if name == "/resume":
        await stopped(desk)
    return press


async def decision(verb: str, desk: Desk, environment: str) -> Press:
    """A button of a request that waits; it is the developer's own only where it is to be withdrawn."""
    by = desk.people["developer"].id if verb == "withdraw" else STRANGER
    await asked(desk, environment, by=by)
    return Press(button=f"chatops:{verb}:{ID}")


async def rejecting(desk: Desk, environment: str) -> Press:
    """The form behind Reject, filled in."""
    await asked(desk, environment)
    return Press(form=f"chatops:reject:{ID}", typed={"reason": WHY})


async def breaking(desk: Desk, environment: str) -> Press:
    """The form behind Break glass, filled in."""
    await asked(desk, environment)
    return Press(form=f"chatops:bg:{ID}:{environment}", typed={"reason": WHY, "word": environment})


async def broken(desk: Desk, environment: str, *, by: str = "nobody") -> Press:
    """The button on the message about broken glass."""
    await asked(desk, environment)
    await glass.smash(desk.deps.database, ID, actor=desk.actor(by), reason=WHY, now=desk.town.clock())
    return Press(button=f"chatops:review:{ID}")


async def listing(desk: Desk, environment: str) -> Press:
    """The button that shows a list of one request."""
    await asked(desk, environment)
    return Press(button=f"chatops:waiting:{environment}")


async def these(desk: Desk, environment: str) -> Press:
    """The button below a list of one request."""
    await asked(desk, environment)
    now = desk.town.clock()
    found = await bulk.waiting(desk.deps.database, environment, actor=desk.actor("nobody"), now=now)
    return Press(button=f"chatops:all:{environment}:{bulk.fingerprint(found)}")


async def run_again(desk: Desk, environment: str) -> Press:
    """The button on the card of a run that failed."""
    release = await failed_run(desk, environment)
    return Press(button=f"chatops:rerun:{release}:17203344901:1")


async def button(template: str, _desk: Desk, environment: str) -> Press:
    """A button whose id says everything."""
    return Press(button=template.format(environment=environment, place=place_id(environment, SERVICE), tag=story.TAG))


async def rolling(desk: Desk, environment: str) -> Press:
    """The form of a way back, filled in."""
    return Press(form=f"chatops:rolling:tag:{place_id(environment, SERVICE)}:{story.TAG}", typed={"reason": WHY})


async def all_of_it(words: str, desk: Desk, _environment: str) -> Press:
    """The form of /stop or /resume, filled in."""
    if words.startswith("resume"):
        await stopped(desk)
    return Press(form=f"chatops:all:{words}", typed={"reason": WHY, "word": words})


OTHERS: dict[str, Order] = {
    "Approve": partial(decision, "approve"),
    "Reject": partial(decision, "reject"),
    "Reject, its form": rejecting,
    "Withdraw": partial(decision, "withdraw"),
    "Break glass": partial(decision, "glass"),
    "Break glass, its form": breaking,
    "Acknowledge": broken,
    "All that wait": listing,
    "Approve these …": these,
    "Run again": run_again,
    "Roll back": partial(button, "chatops:plan:{place}"),
    "Previous tag, git revert, Argo CD rollback, Emergency": partial(button, "chatops:rollback:tag:{place}:{tag}"),
    "Previous tag, its form": rolling,
    "Older": partial(button, "chatops:audit:5:{environment}:::"),
    "Stop it": partial(button, "chatops:terminate:{environment}:w1767623400"),
    "/stop, its form": partial(all_of_it, "stop everything"),
    "/resume, its form": partial(all_of_it, "resume everything"),
}
"""Everything but commands. What the bot has and this lacks fails in `test_policy`."""


def order(name: str) -> Order:
    """How an order of the table is given."""
    return OTHERS[name] if name in OTHERS else partial(prepared, name)
