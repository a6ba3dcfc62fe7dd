"""What people are told privately: what happens next, or why not and who could."""

from dataclasses import replace

import pytest

from bot.cards import answers, help, refusal
from bot.cards.base import Button, Card, Colour, Field
from bot.cards.status import EnvironmentStatus
from bot.domain import approvals
from bot.domain.operations import Operation, OperationKind, OperationState, Rerun
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from tests.cards import story
from tests.cards.places import catalog
from tests.cards.story import approval, granted, operation, seen

URL = "https://discord.com/channels/1/2/3"


PROD = catalog().environments["prod"]


def test_a_deploy_that_waits_says_who_decides_and_where() -> None:
    assert answers.deploy(operation(OperationState.WAITING), mention=400, url=URL) == Card(
        title="ticket-service → prod · waiting for approval",
        colour=Colour.WAITING,
        description="<@&400> decides on the release card.",
        buttons=(Button(label="Open the card", url=URL),),
    )


@pytest.mark.parametrize(
    ("asked", "title", "description"),
    [
        (
            operation(OperationState.REQUESTED),
            "ticket-service → prod · request taken",
            "What would change is still being read; the release card shows it then.",
        ),
        (
            operation(OperationState.RUNNING),
            "ticket-service → prod · on its way",
            "It needs no approval; the release card shows how it goes on.",
        ),
        (
            operation(OperationState.REFUSED, reason=Reason.NOTHING_TO_DEPLOY),
            "ticket-service → prod · not deployed",
            "Git and the cluster already agree about this service, so there is nothing to deploy.",
        ),
    ],
)
def test_every_other_fate_of_a_deploy_is_said(asked: Operation, title: str, description: str) -> None:
    card = answers.deploy(asked, mention=None, url=None)

    assert (card.title, card.description, card.buttons) == (title, description, ())


def test_a_refresh_says_what_argo_cd_found() -> None:
    refreshed = operation(OperationState.SUCCEEDED, kind=OperationKind.REFRESH, hard=True)
    status = EnvironmentStatus(environment=PROD, observed=seen(110), failure=None, operations=())

    assert answers.refresh(refreshed, status=status) == Card(
        title="prod · hard refresh done",
        colour=Colour.GOOD,
        description="**OutOfSync** · **Healthy**\nCompared with `4d5e6f7` <t:1767623510:R>",
    )


def test_a_refresh_that_takes_long_or_fails_says_so() -> None:
    runs = replace(operation(OperationState.RUNNING), kind=OperationKind.REFRESH)
    failed = replace(runs, state=OperationState.FAILED, reason=Reason.ARGOCD_FORBIDDEN)

    unread = EnvironmentStatus(environment=PROD, observed=None, failure=None, operations=())
    known = replace(unread, observed=seen(110))

    assert answers.refresh(runs, status=unread).title == "prod · refresh still runs"
    assert answers.refresh(runs, status=known).description.endswith("\nCompared last <t:1767623510:R>")
    assert answers.refresh(failed, status=unread) == Card(
        title="prod · refresh failed",
        colour=Colour.BAD,
        description="The bot's Argo CD role may not do this. `python -m bot check` says what is missing.",
        footer=f"operation {failed.id}",
    )


RUN = Rerun(run_id=7, attempt=1, url="https://github.com/o/r/actions/runs/7")
LINKS = (Button(label="Open the card", url=URL), Button(label="Run", url=RUN.url))


def again(state: OperationState, **facts: object) -> Operation:
    """A request to run a workflow run again."""
    return operation(state, **{"kind": OperationKind.RERUN, "rerun": RUN, "content": None, **facts})


def test_a_re_run_says_what_runs_and_where_to_look() -> None:
    assert answers.rerun(again(OperationState.SUCCEEDED), url=URL) == Card(
        title="ticket-service → prod · running again",
        colour=Colour.RUNNING,
        description="Attempt 2 runs the failed jobs. The release card shows how it goes on.",
        buttons=LINKS,
    )
    everything = again(OperationState.SUCCEEDED, rerun=replace(RUN, everything=True))
    assert answers.rerun(everything, url=None).description.startswith("Attempt 2 runs everything.")


def test_a_re_run_that_did_not_happen_says_why() -> None:
    unknown = again(OperationState.FAILED, reason=Reason.RERUN_UNKNOWN)
    assert answers.rerun(unknown, url=URL) == Card(
        title="ticket-service → prod · not run again",
        colour=Colour.BAD,
        description="GitHub shows no new attempt of the run, and the order was not sent again. "
        "Look at the run on GitHub.",
        footer=f"operation {unknown.id}",
        buttons=LINKS,
    )
    harmless = again(OperationState.REFUSED, reason=Reason.RERUN_ALREADY)
    assert answers.rerun(harmless, url=URL).colour is Colour.QUIET


def test_a_re_run_that_github_has_not_shown_yet_says_so() -> None:
    assert answers.rerun(again(OperationState.RUNNING), url=URL) == Card(
        title="ticket-service → prod · asked to run again",
        colour=Colour.WAITING,
        description="GitHub has not shown the new attempt yet. The release card shows it when it begins.",
        buttons=LINKS,
    )


def test_a_press_says_what_it_did() -> None:
    one_of_two = approvals.grant(approval(required=2), person=12, name="jiwon", now=story.after(300))
    rejected = approvals.reject(approval(), name="jiwon", now=story.after(300))

    assert answers.decided(granted()).description == (
        "The bot checks once more that nothing has changed, then syncs exactly this."
    )
    assert answers.decided(one_of_two).description == "Still needed: one more person."
    assert answers.decided(rejected) == Card(
        title="ticket-service → prod · rejected", colour=Colour.QUIET, description="Nothing will be deployed."
    )


def test_a_refusal_gives_the_reason_and_what_its_case_adds() -> None:
    assert refusal.render(Refused(Reason.MISSING_ROLE, "prod:approve belongs to <@&7>.")) == Card(
        title="Refused",
        colour=Colour.BAD,
        description="You do not have a role that may do this. prod:approve belongs to <@&7>.",
        footer="missing_role",
    )


def test_a_fault_of_the_bot_has_an_id_to_look_for() -> None:
    assert refusal.broken("ab12cd34").footer == "error ab12cd34"
    assert refusal.expired("button").title == "This button has expired"


def test_help_lists_the_commands_and_the_rights() -> None:
    commands = [
        help.Command(
            name="deploy",
            needs=("environment", "service"),
            takes=("tag", "hotfix"),
            description="Ask to deploy a service",
        ),
        help.Command(name="locks", description="What is locked"),
    ]
    rights = {"prod": frozenset({Capability.DEPLOY, Capability.VIEW}), "dev": frozenset({Capability.VIEW})}

    assert help.render(commands, rights=rights) == Card(
        title="What I can do",
        colour=Colour.RUNNING,
        description=(
            "`/deploy environment: service:` · tag · hotfix\nAsk to deploy a service\n`/locks`\nWhat is locked"
        ),
        fields=(Field(name="You may", value="**prod** view, deploy\n**dev** view"),),
        footer="What follows a dot may be left out. A push starts a release card by itself; its buttons decide.",
    )
