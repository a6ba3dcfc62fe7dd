"""/status names what runs, what should run, what goes on, and who did not answer."""

from dataclasses import replace

from bot.cards.base import Card, Colour, Field
from bot.cards.status import EnvironmentStatus, render
from bot.domain.events import Health, SyncStatus
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason
from tests.cards import story
from tests.cards.places import catalog
from tests.cards.story import operation, seen

PROD = catalog().environments["prod"]
BEHIND = EnvironmentStatus(
    environment=PROD,
    observed=seen(110, ready=3),
    failure=None,
    operations=(operation(OperationState.WAITING),),
)
RUNS = replace(BEHIND, observed=seen(110, live=story.TAG, ready=3), operations=())


def test_an_environment_behind_git_shows_both_tags_and_the_open_request() -> None:
    assert render((BEHIND,), service=None) == Card(
        title="prod",
        colour=Colour.WAITING,
        fields=(
            Field(
                name="prod · OutOfSync · Healthy",
                value=(
                    "🟡 **ticket-service** 3/3 `9f8e7d6` → `b2c3d4e`\n"
                    "⏳ deploy ticket-service · waiting for approval · mina <t:1767623510:R>\n"
                    "[Argo CD](https://argocd.tiketi.com/applications/tiketi-prod) read <t:1767623510:R>"
                ),
            ),
        ),
    )


def test_one_service_shows_its_tags_in_full() -> None:
    shown = render(
        (RUNS, replace(RUNS, environment=catalog().environments["staging"])),
        service="ticket-service",
    )

    assert shown.title == "ticket-service"
    assert shown.colour is Colour.GOOD
    assert [field.value.split("\n")[0] for field in shown.fields] == [
        "✅ **ticket-service** 3/3 `b2c3d4e-20260105-143125`"
    ] * 2


def test_one_service_behind_git_shows_both_tags_in_full() -> None:
    [field] = render((BEHIND,), service="ticket-service").fields

    assert field.value.split("\n")[:2] == [
        "🟡 **ticket-service** 3/3 `9f8e7d6-20260104-091500`",
        "Git asks for `b2c3d4e-20260105-143125`",
    ]


def test_a_service_that_is_not_there_is_named() -> None:
    shown = render((RUNS,), service="backend")

    assert shown.title == "backend → prod"
    assert shown.fields[0].value.splitlines() == [
        "`backend` is not part of this Application.",
        "[Argo CD](https://argocd.tiketi.com/applications/tiketi-prod) read <t:1767623510:R>",
    ]


def test_a_hindered_rollout_shows_the_reason() -> None:
    observed = seen(600, live=story.TAG, ready=1, health=Health.DEGRADED, reason="CrashLoopBackOff")
    shown = render((replace(RUNS, observed=observed),), service=None)

    assert shown.colour is Colour.BAD
    assert shown.fields[0].value.split("\n")[0] == "❌ **ticket-service** 1/3 `b2c3d4e` CrashLoopBackOff"


def test_whoever_did_not_answer_is_named() -> None:
    silent = replace(RUNS, failure=Reason.ARGOCD_UNREACHABLE)
    blind = replace(RUNS, observed=replace(seen(110, live=story.TAG), cluster_error="refused", sync=SyncStatus.SYNCED))
    unread = EnvironmentStatus(environment=PROD, observed=None, failure=None, operations=())
    shown = render((silent, blind, unread), service=None)

    assert shown.title == "All environments"
    assert shown.colour is Colour.BAD
    assert [field.value.split("\n")[:2] for field in shown.fields] == [
        [
            "⚠️ Argo CD did not answer. Nothing was changed; try again when it is back. This is what was read last:",
            "✅ **ticket-service** 3/3 `b2c3d4e`",
        ],
        ["⚠️ The cluster did not answer, so the pods are not known.", "✅ **ticket-service** `b2c3d4e`"],
        ["Nothing was read yet; Argo CD is asked at the start and every few minutes."],
    ]


def test_nothing_to_see_is_said() -> None:
    assert render((), service=None).description == "There is no environment that you may see."
