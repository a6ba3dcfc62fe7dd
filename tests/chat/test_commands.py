"""The slash commands as people use them: what they see, what is stored, and what completes as they type."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from simcord.actors import MemberActor

from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.storage import applications, approvals, operations
from tests.cards import places, story
from tests.chat.office import Office, said
from tests.journeys import expected


async def opened(office: Office) -> list[Operation]:
    """What is open."""
    async with office.town.database.reading() as connection:
        return [one for name in office.catalog.environments for one in await operations.opened(connection, name)]


async def stored(office: Office) -> list[tuple[OperationKind, str, str | None, str, bool]]:
    """What was asked for and is open: kind, environment, service, by whom, hard."""
    found = await opened(office)
    return [(one.kind, one.environment, one.service, one.requested_name, one.hard) for one in found]


def waiting(release_id: int) -> Callable[[Operation], Operation]:
    """What the worker makes of a request that needs approval."""
    return lambda operation: replace(operation, state=OperationState.WAITING, release_id=release_id)


async def test_deploy_stores_the_request_and_leads_to_the_card(office: Office) -> None:
    release_id = await office.release()
    card = await office.message(titled="ready to deploy")

    async with office.worker(waiting(release_id)):
        result = await office.town.mina.slash(
            office.town.releases, "deploy", environment="prod", service="ticket-service"
        )

    assert said(result) == (
        "ticket-service → prod · waiting for approval",
        "**@Approvers** decides on the release card.",
    )
    assert result.response is not None
    [row] = result.response.components
    assert [(button["label"], button["url"]) for button in row["components"]] == [
        ("Open the card", f"https://discord.com/channels/{office.town.guild.id}/{office.town.releases.id}/{card.id}")
    ]
    assert await stored(office) == [(OperationKind.DEPLOY, "prod", "ticket-service", "mina", False)]
    assert office.audited == [("mina", "deploy", "prod", None)]
    assert office.interactions == [("deploy", "done")]


async def test_deploy_says_why_nothing_is_deployed(office: Office) -> None:
    def refuse(operation: Operation) -> Operation:
        return replace(operation, state=OperationState.REFUSED, reason=Reason.NOTHING_TO_DEPLOY)

    async with office.worker(refuse):
        result = await office.town.mina.slash(
            office.town.releases, "deploy", environment="prod", service="ticket-service"
        )

    assert said(result) == (
        "ticket-service → prod · not deployed",
        "Git and the cluster already agree about this service, so there is nothing to deploy.",
    )


@pytest.mark.parametrize(
    ("who", "environment", "service", "refusal", "reason"),
    [
        (
            "guest",
            "prod",
            "ticket-service",
            "You do not have a role that may do this. prod:deploy belongs to **@Developers**.",
            "missing_role",
        ),
        (
            "jiwon",
            "prod",
            "ticket-service",
            "You do not have a role that may do this. prod:deploy belongs to **@Developers**.",
            "missing_role",
        ),
        (
            "mina",
            "dev",
            "ticket-service",
            "Nobody may do this: the topology file names no role for it. (dev:deploy)",
            "nobody_configured",
        ),
        (
            "mina",
            "**@everyone**",
            "ticket-service",
            "There is no such environment. Pick one from the list that appears as you type.",
            "unknown_environment",
        ),
        (
            "mina",
            "prod",
            "no-service",
            "There is no such service. Pick one from the list that appears as you type.",
            "unknown_service",
        ),
    ],
)
async def test_deploy_refuses_privately_and_stores_nothing(
    office: Office, who: str, environment: str, service: str, refusal: str, reason: str | None
) -> None:
    actor: MemberActor = getattr(office.town, who)
    result = await actor.slash(office.town.releases, "deploy", environment=environment, service=service)

    assert said(result) == ("Refused", refusal)
    assert await stored(office) == []
    assert [entry[-1] for entry in office.audited] == [reason]
    assert office.interactions == [("deploy", "refused")]


async def test_a_second_deploy_takes_the_place_of_one_that_waits_and_of_no_other(office: Office) -> None:
    release_id = await office.release()
    options = {"environment": "prod", "service": "ticket-service"}
    async with office.worker(waiting(release_id)):
        waits = [await office.town.mina.slash(office.town.releases, "deploy", **options) for _ in range(2)]
    [newer] = await opened(office)
    async with office.town.database.transaction() as connection:
        approved = replace(newer, state=OperationState.APPROVED)
        assert await operations.save(connection, approved, expected=OperationState.WAITING)
    refused = await office.town.mina.slash(office.town.releases, "deploy", **options)

    assert [said(one)[0] for one in waits] == ["ticket-service → prod · waiting for approval"] * 2
    assert said(refused) == ("Refused", "This is under way already. Its card says what it waits for.")
    assert await opened(office) == [approved]


@pytest.mark.parametrize("hard", [False, True])
async def test_refresh_says_what_argo_cd_found(office: Office, hard: bool) -> None:
    async with office.town.database.transaction() as connection:
        await applications.save(connection, story.seen(110, ready=3))
    seen: list[Operation] = []

    def refreshed(operation: Operation) -> Operation:
        seen.append(operation)
        return replace(operation, state=OperationState.SUCCEEDED)

    async with office.worker(refreshed):
        result = await office.town.mina.slash(office.town.releases, "refresh", environment="prod", hard=hard)

    assert said(result) == (
        f"prod · {'hard refresh' if hard else 'refresh'} done",
        "**OutOfSync** · **Healthy**\nCompared with `4d5e6f7` <t:1767623510:R>",
    )
    assert [(one.kind, one.environment, one.service, one.hard) for one in seen] == [
        (OperationKind.REFRESH, "prod", None, hard)
    ]


async def test_refresh_says_why_it_failed_and_who_may_ask(office: Office) -> None:
    def fail(operation: Operation) -> Operation:
        return replace(operation, state=OperationState.FAILED, reason=Reason.ARGOCD_UNREACHABLE)

    async with office.worker(fail):
        failed = await office.town.mina.slash(office.town.releases, "refresh", environment="prod")
    refused = await office.town.jiwon.slash(office.town.releases, "refresh", environment="prod")

    assert said(failed) == (
        "prod · refresh failed",
        "Argo CD did not answer. Nothing was changed; try again when it is back.",
    )
    assert said(refused)[1] == "You do not have a role that may do this. prod:refresh belongs to **@Developers**."


async def test_status_shows_the_environments_that_the_member_may_view(office: Office) -> None:
    async with office.town.database.transaction() as connection:
        await applications.save(connection, story.seen(110, ready=3))
        await applications.save(connection, story.seen(120, environment="staging", live=story.TAG, ready=3))
        await applications.save(connection, story.seen(120, environment="dev", live=story.TAG, ready=3))

    result = await office.town.jiwon.slash(office.town.releases, "status")

    assert said(result) == ("All environments", "")
    assert result.response is not None
    [embed] = result.response.embeds
    assert [(field.name, (field.value or "").split("\n")[0]) for field in embed.fields] == [
        ("staging · Synced · Healthy", "✅ **ticket-service** 3/3 `b2c3d4e`"),
        ("prod · OutOfSync · Healthy", "🟡 **ticket-service** 3/3 `9f8e7d6` → `b2c3d4e`"),
    ]


async def test_status_of_one_place_needs_the_right_to_view_it(office: Office) -> None:
    async with office.town.database.transaction() as connection:
        await applications.save(connection, story.seen(110, ready=3))

    shown = await office.town.mina.slash(office.town.releases, "status", environment="prod", service="ticket-service")
    hidden = await office.town.mina.slash(office.town.releases, "status", environment="dev")
    nothing = await office.town.guest.slash(office.town.releases, "status")
    unknown = await office.town.mina.slash(office.town.releases, "status", service="no-service")

    assert said(shown)[0] == "ticket-service → prod"
    assert [said(result)[1] for result in (hidden, nothing, unknown)] == [
        "Nobody may do this: the topology file names no role for it. (dev:view)",
        "You do not have a role that may do this. prod:view belongs to **@Approvers**, **@Developers**.",
        "There is no such service. Pick one from the list that appears as you type.",
    ]


async def test_help_shows_the_commands_and_the_members_rights(office: Office) -> None:
    result = await office.town.mina.slash(office.town.releases, "help")

    assert said(result) == (
        "What I can do",
        expected.HELP,
    )
    assert result.response is not None
    assert result.response.embeds[0].fields[0].value == (
        "**dev** refresh\n**staging** view, refresh\n**prod** view, deploy, approve, refresh"
    )
    guest = await office.town.guest.slash(office.town.releases, "help")
    assert guest.response is not None
    assert guest.response.embeds[0].fields[0].value == "nothing: ask for a role"


@pytest.mark.parametrize(
    ("who", "command", "option", "typed", "offered"),
    [
        ("mina", "deploy", "environment", "", ["staging", "prod"]),
        ("mina", "status", "environment", "PRO", ["prod"]),
        ("mina", "refresh", "environment", "g", ["staging"]),
        ("mina", "deploy", "service", "", [*places.SERVICES, "all"]),
        ("mina", "restart", "service", "", list(places.SERVICES)),
        ("mina", "status", "service", "Ticket", ["ticket-service"]),
        (
            "mina",
            "deploy",
            "service",
            "service",
            ["auth-service", "ticket-service", "payment-service", "stats-service"],
        ),
        ("mina", "deploy", "service", "s", ["stats-service", "auth-service", "ticket-service", "payment-service"]),
        ("guest", "deploy", "environment", "", []),
        ("guest", "deploy", "service", "", []),
    ],
)
async def test_options_complete_with_what_the_member_may_view(
    office: Office, who: str, command: str, option: str, typed: str, offered: list[str]
) -> None:
    actor: MemberActor = getattr(office.town, who)
    choices = await actor.autocomplete(office.town.releases, command, option, typed)

    assert [choice["value"] for choice in choices] == offered


async def test_nobody_learns_from_another_guild(office: Office) -> None:
    elsewhere = office.town.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    role = elsewhere.create_role("Approvers")
    outsider = elsewhere.add_member(office.town.env.create_user("outsider"), roles=[role])

    assert outsider.available_commands(channel) == ()


async def test_a_waiting_deploy_is_approved_from_beginning_to_end(office: Office) -> None:
    approval = await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled="waiting for approval")
    await office.town.jiwon.click(card, label="Approve")
    await office.message(titled="approved")

    async with office.town.database.reading() as connection:
        found = await approvals.get(connection, approval.id)
    assert found is not None
    assert [vote.name for vote in found[0].votes] == ["jiwon"]
