"""/can and /why at the door: everything that is in the way, who decides, and the end of a long story."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.approvals import Group
from bot.domain.locks import Lock
from bot.domain.operations import OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import SENTENCES, Reason
from bot.services import freezes, locks, stops
from bot.storage import audit, operations
from tests.cards import story
from tests.chat.office import Office, said

ID = "0194350c8a20a1b2c3d4e5f6"
GAP = "\n\u200b\n"


def known(text: str) -> str:
    """The text without times and the ids of what was made by chance."""
    return re.sub(r"<t:\d+:[Rf]>", "⏱", re.sub(r"(take_over:|freeze:)[0-9a-f]+", r"\1…", text))


def actor(office: Office) -> Actor:
    return Actor(id=office.town.jiwon.id, name="jiwon", guild_id=office.town.guild.id, role_ids=frozenset())


async def lock(office: Office) -> Lock:
    given = {"environment": "prod", "service": None, "reason": "an *incident*", "now": office.town.clock()}
    return (await locks.lock(office.town.database, actor=actor(office), **given)).lock  # type: ignore[arg-type]


async def freeze(office: Office) -> None:
    ends = f"{office.town.clock() + timedelta(days=2):%FT%H:%M}"
    wanted = freezes.Wanted(environment="prod", service="ticket-service", reason="the big sale", ends=ends)
    known = {"catalog": office.catalog, "actor": actor(office), "now": office.town.clock()}
    await freezes.add(office.town.database, wanted, **known)  # type: ignore[arg-type]


async def stop(office: Office) -> None:
    known = {"catalog": office.catalog, "now": office.town.clock()}
    await stops.stop(office.town.database, actor=actor(office), reason="nobody knows yet", **known)  # type: ignore[arg-type]


async def why(office: Office, operation: str = ID) -> tuple[str, list[str]]:
    """The title and the paragraphs of what mina is told."""
    title, text = said(await office.town.mina.slash(office.town.releases, "why", operation=operation))
    return title, known(text).split(GAP)


@pytest.fixture
def groups(office: Office) -> tuple[Group, ...]:
    """Prod needs two people, one of the developers and one of the approvers."""
    town = office.town
    found = (
        Group(name="dev", roles=frozenset({town.developers.id})),
        Group(name="ops", roles=frozenset({1, town.approvers.id})),
    )
    prod = office.catalog.environments["prod"]
    own = replace(prod, required_approvals=2, approval_groups=found, approvers=frozenset({town.approvers.id}))
    office.catalog.environments["prod"] = own  # type: ignore[index]
    return found


async def test_why_says_who_may_approve_what_waits_who_may_not_and_until_when(
    office: Office, groups: tuple[Group, ...]
) -> None:
    town = office.town
    await office.ask(requested_by=town.mina.id, required=2, groups=groups)
    title, [decision, asked, *_] = await why(office)

    assert title == "Deploy of ticket-service → prod · waiting"
    assert decision.splitlines() == [
        "**Who may approve:** **@Approvers**",
        f"**Who may not:** <@{town.mina.id}> (asked for it)",
        "Still needed: 2 more people, of **dev** (**@Developers**) and of **ops** (<@&1> or **@Approvers**).",
        "Nobody may break the glass for it.",
        "**Ends** ⏱ unless it is decided",
    ]
    assert asked.splitlines()[:2] == ["**Asked** by mina ⏱", "**Consent** pending · 0 of 2: nobody"]

    await town.jiwon.click(await office.message(titled="waiting for approval"), label="Approve")
    _, [decision, asked, *_] = await why(office)
    assert decision.splitlines()[2] == "Still needed: one more person, of **dev** (**@Developers**)."
    assert asked.splitlines()[1] == "**Consent** pending · 1 of 2: jiwon ⏱"

    town.clock.pass_by(hours=2)
    _, [decision, *_] = await why(office)
    assert (
        decision == "**Next** Nobody decided within 1h. `/deploy environment:prod service:ticket-service` asks again."
    )


async def test_why_names_all_that_keeps_a_request_and_what_ends_it(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    locked = [
        "🔒 **prod** locked by jiwon ⏱: an \\*incident\\*",
        "↳ `/unlock environment:prod reason:` removes it, `/lock environment:prod take_over:… reason:` makes it yours.",
    ]
    frozen = [
        "❄️ **ticket-service → prod** frozen until ⏱ (⏱) by jiwon: the big sale",
        "↳ `/freeze remove freeze:… reason:` removes it. "
        "For what cannot wait: `/deploy environment:prod service:ticket-service hotfix:`.",
    ]
    stopped = [
        "🛑 **Everything is stopped** by jiwon ⏱: nobody knows yet",
        "↳ `/resume` lets everything go on. `/terminate` stops a sync meanwhile.",
    ]
    await lock(office)
    title, [way, decision, *_] = await why(office)
    assert title.endswith("· waiting, locked")
    assert way.splitlines() == [*locked, "Nobody can approve until the lock is gone."]
    assert decision.splitlines()[-1] == "**Ends** ⏱ unless it is decided"

    await freeze(office)
    title, [way, decision, *_] = await why(office)
    assert title.endswith("· waiting, locked")
    assert way.splitlines() == [
        *locked,
        *frozen,
        "Nobody can approve until the lock is gone and the freeze is over. "
        "Its time stands still while it is frozen; after that at least 1h is left.",
    ]
    assert decision.splitlines()[-2:] == ["Still needed: one more person.", "Nobody may break the glass for it."]

    await stop(office)
    title, [way, decision, *_] = await why(office)
    assert title.endswith("· waiting, stopped")
    assert way.splitlines() == [
        *stopped,
        *locked,
        *frozen,
        "Nobody can approve until everything is resumed, the lock is gone and the freeze is over. "
        "Its time stands still while it is stopped or frozen; after that at least 1h is left.",
    ]

    can = await office.town.mina.slash(
        office.town.releases,
        "can",
        member=office.town.mina,
        action="deploy",
        environment="prod",
        service="ticket-service",
    )
    assert said(can)[0] == "mina may deploy on prod/ticket-service"
    assert known(said(can)[1]).split(GAP)[-1].splitlines() == [
        f"**But not now** {stopped[0]}",
        stopped[1],
        *locked,
        *frozen,
    ]


@pytest.mark.parametrize(
    ("capability", "options", "expected"),
    [
        ("deploy", {}, "**But nothing of ticket-service, nor of all services at once** "),
        ("deploy", {"service": "ticket-service"}, "**But not now** "),
        ("deploy", {"service": "backend"}, None),
        ("approve", {}, "**But no deploys of ticket-service, nor of all services at once** "),
        ("approve", {"service": "ticket-service"}, "**But no deploys now** "),
        ("approve", {"service": "backend"}, None),
        ("rollback", {}, None),
    ],
)
async def test_can_says_what_the_freeze_of_one_service_is_in_the_way_of(
    office: Office, capability: str, options: dict[str, str], expected: str | None
) -> None:
    await freeze(office)
    town = office.town
    asked = await town.mina.slash(
        town.releases, "can", member=town.mina, action=capability, environment="prod", **options
    )
    frozen = [
        "❄️ **ticket-service → prod** frozen until ⏱ (⏱) by jiwon: the big sale",
        "↳ `/freeze remove freeze:… reason:` removes it. "
        "For what cannot wait: `/deploy environment:prod service:ticket-service hotfix:`.",
    ]
    spared = ["Rollbacks and hot-fixes are not held by that."] if capability == "approve" else []
    told = known(said(asked)[1]).split(GAP)[-1].splitlines()
    if expected is None:
        assert not [line for line in told if "❄️" in line]
    else:
        assert told == [f"{expected}{frozen[0]}", frozen[1], *spared]


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        (OperationState.APPROVED, Reason.STOPPED, "🛑 **Everything is stopped** by jiwon ⏱: nobody knows yet"),
        (OperationState.DISPATCHING, Reason.STOPPED, "🛑 **Everything is stopped** by jiwon ⏱: nobody knows yet"),
        (OperationState.RUNNING, Reason.ARGOCD_UNREACHABLE, "Argo CD does not answer. The bot goes on asking."),
        (OperationState.REFUSED, Reason.LOCKED, SENTENCES[Reason.LOCKED]),
    ],
)
async def test_why_says_what_holds_what_is_under_way_and_what_refused_it(
    office: Office, state: OperationState, reason: Reason, expected: str
) -> None:
    await stop(office)
    operation = story.operation(state, reason=reason, release_id=None)
    async with office.town.database.transaction() as connection:
        await operations.add(connection, operation)
    _, [first, *_] = await why(office)
    assert first.splitlines()[0] == expected


async def test_can_names_the_groups_and_those_that_somebody_fills(office: Office, groups: tuple[Group, ...]) -> None:
    town = office.town

    async def can(who: str, action: str) -> str:
        member = getattr(town, who)
        asked = await town.mina.slash(town.releases, "can", member=member, action=action, environment="prod")
        return said(asked)[1].split(GAP)[-1].splitlines()[0]

    assert await can("mina", "deploy") == (
        "After that 2 other people with `prod:approve` must consent, of "
        "**dev** (**@Developers**) and of **ops** (<@&1> or **@Approvers**)."
    )
    assert (
        await can("mina", "approve") == "Their consent counts for **dev** or **ops**: one person stands for one group."
    )
    assert await can("jiwon", "approve") == "Their consent counts for **ops**."
    other = replace(office.catalog.environments["prod"], approval_groups=groups[:1])
    office.catalog.environments["prod"] = other  # type: ignore[index]
    assert await can("jiwon", "approve") == (
        "They are in none of the groups **dev**, so their consent counts only as one more person."
    )


async def test_why_tells_the_beginning_and_the_end_of_a_long_story(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    at, more = (
        office.town.clock(),
        {"actor": "chatops", "action": "deploy", "operation": story.operation(OperationState.WAITING)},
    )
    async with office.town.database.transaction() as connection:
        for number in range(15):
            await audit.note(connection, at=at, outcome=f"step {number}", **more)  # type: ignore[arg-type]
    _, [*_, told] = await why(office)
    assert told.splitlines() == [f"#{number + 1} ⏱ deploy · step {number}" for number in range(15)]

    async with office.town.database.transaction() as connection:
        for number in range(15, 40):
            await audit.note(connection, at=at, outcome=f"step {number}", **more)  # type: ignore[arg-type]
    _, [*_, told] = await why(office)
    assert told.splitlines() == [
        *(f"#{number + 1} ⏱ deploy · step {number}" for number in range(4)),
        f"… 25 more in between: `/audit operation:{ID}`",
        *(f"#{number + 1} ⏱ deploy · step {number}" for number in range(29, 40)),
    ]


async def test_what_is_offered_can_be_told_apart_on_a_phone_and_found_by_its_id(office: Office) -> None:
    town = office.town
    async with town.database.transaction() as connection:
        for number in range(3):
            asked = {"id": f"{number:024x}", "requested_at": story.after(number)}
            one = story.operation(OperationState.SUCCEEDED, **asked)
            await operations.add(connection, replace(one, release_id=None))

    async def offered(typed: str) -> list[dict[str, str]]:
        return await town.mina.autocomplete(town.releases, "why", "operation", typed)

    names = [choice["name"] for choice in await offered("")]
    assert names[0] == "05 Jan 14:30:02 UTC succeeded · deploy ticket-service → prod · mina"
    assert len({name[:24] for name in names}) == 3
    assert await offered(f"{1:024x}") == [{"name": names[1], "value": f"{1:024x}"}]
    assert len(await offered("ticket-service → prod")) == 3
    assert await town.guest.autocomplete(town.releases, "why", "operation", "") == []
