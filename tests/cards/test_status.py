"""/status names what runs, what should run, what goes on, and who did not answer."""

from dataclasses import replace

import pytest

from bot.cards.base import TOTAL_LIMIT, Card, Colour, Field
from bot.cards.status import EnvironmentStatus, render
from bot.domain.contents import Content, ImageChange
from bot.domain.events import ApplicationObserved, Health, Phase, ResourceResult, SyncStatus
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from tests.cards import story
from tests.cards.places import catalog
from tests.cards.story import image, operation, seen, sync

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


@pytest.mark.parametrize("pending", [True, False])
def test_what_is_stuck_in_its_end_can_be_freed(*, pending: bool) -> None:
    stuck = replace(sync(Phase.SUCCEEDED, finished=100), request_id=None)
    observed = replace(seen(110, live=story.TAG, ready=3), operation=replace(stuck, finished_at=None), pending=pending)
    [shown] = render((replace(RUNS, observed=observed),), service=None).fields
    ended = f"⚠️ sync of `{stuck.revision[:7]}` has ended, but still holds the Application"
    freed = f"{ended}: `/terminate environment:prod` frees it"
    assert (freed in shown.value) is pending


def test_nothing_to_see_is_said() -> None:
    assert render((), service=None).description == "There is no environment that you may see."


def places(number: int, *, services: int) -> tuple[EnvironmentStatus, ...]:
    """So many environments in which so many services run, and where mina deployed last."""
    observed = seen(110, live=story.TAG, ready=3)
    workloads = tuple(replace(observed.workloads[0], service=f"service-{index}") for index in range(services))
    mine = replace(RUNS, observed=replace(observed, workloads=workloads), deploys=(done(600, SERVICE),))
    return tuple(replace(mine, environment=replace(PROD, name=f"env-{index}")) for index in range(number))


SERVICE = "ticket-service"


def done(at: float, *services: str, everything: bool = False, **facts: object) -> Operation:
    """A deploy of the bot's that went well."""
    changes = tuple(ImageChange(service=name, old=None, new=image(story.TAG)) for name in services)
    content = Content(
        uid="u", revision="r", source_digest="s", images=changes, resources=(), everything=everything, diff_digest="d"
    )
    only = None if everything else services[0]
    return operation(OperationState.SUCCEEDED, content=content, service=only, updated_at=story.after(at), **facts)


def synced(at: float, *results: ResourceResult, **facts: object) -> ApplicationObserved:
    """A read of ticket-service and backend after a sync of everything that somebody else ordered."""
    ended = replace(sync(Phase.SUCCEEDED, started=at - 5, finished=at), initiated_by="admin", results=results)
    known = seen(700, live=story.TAG, ready=3, operation=replace(ended, **facts))  # type: ignore[arg-type]
    return replace(known, workloads=(*known.workloads, replace(known.workloads[0], service="backend")))


def result(name: str, word: str) -> ResourceResult:
    """What a sync did to an object."""
    return ResourceResult(kind="ConfigMap", name=name, status="Synced", message=f"configmap/{name} {word}")


@pytest.mark.parametrize(
    ("number", "services", "more", "shown", "footer"),
    [
        (3, 5, 0, 3, ""),
        (3, 5, 2, 3, "and 2 more: /status environment:"),
        (25, 1, 0, 25, ""),
        (25, 5, 0, 23, "and 2 more: /status environment:"),
        (25, 5, 975, 23, "and 977 more: /status environment:"),
    ],
)
def test_environments_that_find_no_room_are_counted(
    number: int, services: int, more: int, shown: int, footer: str
) -> None:
    card = render(places(number, services=services), service=None, more=more)
    assert (len(card.fields), card.footer) == (shown, footer)
    assert [field.name.partition(" ")[0] for field in card.fields] == [f"env-{index}" for index in range(shown)]
    assert card.size <= TOTAL_LIMIT


def test_who_deployed_last_is_told_of_each_environment_where_there_is_room() -> None:
    line = "deployed last: mina <t:1767624000:R>"
    assert {line in field.value for field in render(places(3, services=5), service=None).fields} == {True}
    assert {line in field.value for field in render(places(25, services=5), service=None).fields} == {False}
    [alone] = render(places(1, services=5), service=None).fields
    assert line not in alone.value
    assert {line in field.value for field in render(places(2, services=5), service="service-1").fields} == {False}
    [long, _] = render(places(2, services=40), service=None).fields
    assert line not in long.value


def test_the_newest_deploy_of_an_environment_is_the_bots_or_somebody_elses() -> None:
    def told(observed: ApplicationObserved) -> str:
        status = replace(RUNS, observed=observed, deploys=(done(600, SERVICE),))
        return render((status, RUNS), service=None).fields[0].value.splitlines()[-2]

    assert told(synced(650)) == "deployed last: admin <t:1767624050:R>"
    assert told(synced(550)) == "deployed last: mina <t:1767624000:R>"
    assert told(synced(650, request_id="0194350c8a20a1b2c3d4e5f6")) == "deployed last: mina <t:1767624000:R>"
    assert told(synced(650, phase=Phase.FAILED)) == "deployed last: mina <t:1767624000:R>"


CHANGED, SAME = result("ticket-service-config", "configured"), result("backend", "unchanged")
ADMIN, MINA = " · admin <t:1767624050:R>", " · mina <t:1767624000:R>"


@pytest.mark.parametrize(
    ("observed", "deploys", "tickets", "backend"),
    [
        (synced(650, CHANGED, SAME), (), ADMIN, ""),
        (synced(650, CHANGED, result("backend", "created")), (), ADMIN, ADMIN),
        (synced(650), (), "", ""),
        (synced(650, services=frozenset({"backend"})), (), "", ADMIN),
        (synced(650, CHANGED, phase=Phase.FAILED), (), "", ""),
        (synced(650, CHANGED, SAME), (done(600, "backend"),), ADMIN, MINA),
        (synced(550, CHANGED, SAME), (done(600, SERVICE),), MINA, ""),
        (synced(650, CHANGED, CHANGED, request_id="ours"), (done(600, "backend", everything=True),), "", MINA),
        (synced(650, CHANGED, initiated_by="automated"), (), " · Argo CD <t:1767624050:R>", ""),
    ],
    ids=[
        "a full sync changed one service",
        "a full sync changed both",
        "a full sync says nothing of its objects",
        "a sync of one service",
        "a sync that failed",
        "the bot deployed the other one",
        "the bot deployed later",
        "the bot deployed everything, of which one changed",
        "Argo CD by itself",
    ],
)
def test_who_deployed_a_service_last_is_who_changed_it(
    observed: ApplicationObserved, deploys: tuple[Operation, ...], tickets: str, backend: str
) -> None:
    [field] = render((replace(RUNS, observed=observed, deploys=deploys),), service=None).fields
    assert field.value.splitlines()[:2] == [
        f"✅ **ticket-service** 3/3 `b2c3d4e`{tickets}",
        f"✅ **backend** 3/3 `b2c3d4e`{backend}",
    ]


@pytest.mark.parametrize(
    ("asked", "line", "concerns"),
    [
        ({"service": None, "content": None}, "deploy all services · requested", []),
        (
            {"service": None, "content": done(1, SERVICE, everything=True).content},
            "deploy all services · requested",
            [SERVICE],
        ),
        ({"kind": OperationKind.RESTART}, "restart ticket-service · requested", [SERVICE]),
        ({"kind": OperationKind.REFRESH, "service": None, "content": None}, "refresh · requested", []),
        ({"kind": OperationKind.TERMINATE, "service": None, "content": None}, "terminate · requested", []),
    ],
)
def test_what_is_under_way_says_what_it_is_about(asked: dict[str, object], line: str, concerns: list[str]) -> None:
    status = replace(RUNS, operations=(operation(OperationState.REQUESTED, **asked),))
    shown = f"⏳ {line} · mina <t:1767623510:R>"
    [field] = render((status,), service=None).fields
    assert field.value.splitlines()[1] == shown
    of_services = {name: render((status,), service=name).fields[0].value for name in (SERVICE, "backend")}
    assert [name for name, value in of_services.items() if shown in value] == concerns
