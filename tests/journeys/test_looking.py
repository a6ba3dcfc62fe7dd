"""Looking: /status, /refresh, /help, and what the options offer while somebody types."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from simcord.results import InteractionResult

from bot.adapters.argocd import ArgoCD
from bot.domain.operations import OperationState
from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.clock import Clock
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

EVER = datetime.min.replace(tzinfo=UTC)
EVERY = ("auth-service", "backend", "payment-service", "stats-service", "ticket-service")
REPLICAS = {"dev": 1, "staging": 2, "prod": 3}
NO_ENVIRONMENT = "There is no such environment. Pick one from the list that appears as you type."
NO_SERVICE = "There is no such service. Pick one from the list that appears as you type."
STILL = "Argo CD is still refreshing. It goes on by itself; /status shows when it compared last."
SILENT = "Argo CD did not answer. Nothing was changed; try again when it is back."


def may_not(right: str) -> str:
    """What is said to somebody without a right: which roles have it."""
    roles = ["Developer", "Release manager", *(["Observer"] if right.endswith("view") else [])]
    return f"You do not have a role that may do this. {right} belongs to {', '.join(f'**@{role}**' for role in roles)}."


async def ask(scene: Scene, who: str, command: str, **options: str | bool) -> InteractionResult:
    """Somebody types a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


def fields(result: InteractionResult) -> dict[str, str]:
    """The title of a private answer's fields, each with its text."""
    seeing.answer(result)
    assert result.response is not None
    [embed] = result.response.message.embeds
    return {seeing.steady(field.name): seeing.steady(field.value) for field in embed.fields}


def healthy(scene: Scene, environment: str, *, last: str = "") -> str:
    """The lines of an environment in which all is well; `last` is who deployed last, where there is room for it."""
    pods = f"{REPLICAS[environment]}/{REPLICAS[environment]}"
    tags = scene.world.overlay(environment).tags
    lines = [f"✅ **{service}** {pods} `{tags[service][:7]}`{last}" for service in EVERY]
    return "\n".join([*lines, argocd(scene, environment)])


def argocd(scene: Scene, environment: str) -> str:
    """The line that says where the rest can be seen and how old this is."""
    return f"[Argo CD]({scene.argocd.url}/applications/tiketi-{environment}) read ⏱"


@pytest.fixture
async def looked(scene: Scene, rows: Rows) -> None:
    """Every environment has been read."""
    for environment in REPLICAS:
        await rows.observed(environment, after=EVER)


@pytest.mark.usefixtures("looked")
async def test_status_shows_all_or_one_or_a_service_in_full(scene: Scene) -> None:
    everything = await ask(scene, "sora", "status")
    assert seeing.answer(everything) == seeing.Seen(title="All environments", text="")
    assert fields(everything) == {
        f"{name} · Synced · Healthy": healthy(scene, name) for name in ("dev", "staging", "prod")
    }

    one = await ask(scene, "sora", "status", environment="staging")
    assert seeing.answer(one) == seeing.Seen(title="staging", text="")
    assert fields(one) == {"staging · Synced · Healthy": healthy(scene, "staging", last=" · admin ⏱")}

    service = await ask(scene, "sora", "status", service="backend")
    assert seeing.answer(service) == seeing.Seen(title="backend", text="")
    assert fields(service) == {
        f"{name} · Synced · Healthy": f"✅ **backend** {replicas}/{replicas} "
        f"`{scene.world.overlay(name).tags['backend']}`\nHealthy · Synced\nadmin ⏱\n{argocd(scene, name)}"
        for name, replicas in REPLICAS.items()
    }

    both = await ask(scene, "sora", "status", environment="prod", service="backend")
    assert seeing.answer(both) == seeing.Seen(title="backend → prod", text="")
    assert fields(both) == {
        "prod · Synced · Healthy": f"✅ **backend** 3/3 `{scene.world.overlay('prod').tags['backend']}`\n"
        f"Healthy · Synced\nadmin ⏱\n{argocd(scene, 'prod')}"
    }
    assert seeing.board(scene.town.releases) == seeing.board(scene.town.alerts) == []


async def test_status_shows_what_waits_and_what_does_not_run(scene: Scene, rows: Rows) -> None:
    old = scene.world.overlay("prod").tags["backend"]
    waits = await scene.pipeline.run("backend", "prod", author="hyunwoo", subject="fix: hold a seat")
    await seeing.message(scene.town.releases, titled="backend → prod · waiting for approval")
    broken = await scene.pipeline.run(
        "stats-service", "staging", author="sora", subject="perf: keep a pool", breakage=Breakage()
    )
    await seeing.message(scene.town.releases, titled="stats-service → staging · degraded")
    await scene.world.settle()
    await rows.quiet()

    assert fields(await ask(scene, "sora", "status", environment="prod", service="backend")) == {
        "prod · OutOfSync · Healthy": f"🟡 **backend** 3/3 `{old}`\nGit asks for `{waits.tag}`\n"
        "Healthy · OutOfSync\nadmin ⏱\n"
        f"⏳ deploy backend · waiting for approval · hyunwoo ⏱\n{argocd(scene, 'prod')}"
    }
    assert fields(await ask(scene, "sora", "status", environment="staging", service="stats-service")) == {
        "staging · Synced · Degraded": f"❌ **stats-service** 0/2 `{broken.tag}`\n"
        "Degraded · Synced · CrashLoopBackOff\nArgo CD ⏱\n"
        f"{argocd(scene, 'staging')}"
    }


@pytest.mark.usefixtures("looked")
async def test_status_is_refused_to_who_may_view_nothing(scene: Scene, rows: Rows) -> None:
    refused: Mapping[str, dict[str, str]] = {
        may_not("prod:view"): {},
        may_not("staging:view"): {"environment": "staging"},
        NO_ENVIRONMENT: {"environment": "production"},
    }
    for reason, options in refused.items():
        result = await ask(scene, "guest", "status", **options)
        assert seeing.told(result) == ("Refused", reason)
        assert fields(result) == {}
    assert seeing.told(await ask(scene, "guest", "status", service="backend")) == ("Refused", may_not("prod:view"))
    assert seeing.told(await ask(scene, "sora", "status", service="tickets")) == ("Refused", NO_SERVICE)
    assert seeing.told(await ask(scene, "sora", "status", environment="production")) == ("Refused", NO_ENVIRONMENT)
    assert seeing.board(scene.town.releases) == seeing.board(scene.town.alerts) == []
    guest = f"discord:{scene.town.people['guest'].id}"
    noted = [(entry.action, entry.outcome) for entry in await rows.audit() if entry.actor == guest]
    assert noted == [("gate:view", "refused")] * 4


@pytest.mark.parametrize("hard", [False, True], ids=["normal", "hard"])
@pytest.mark.usefixtures("looked")
async def test_a_refresh_says_what_argo_cd_found(scene: Scene, rows: Rows, *, hard: bool) -> None:
    # Argo CD has not noticed the commit yet: this is what people refresh for.
    scene.world.application("prod").faults.deaf = True
    released = scene.world.release("prod", "ticket-service")

    result = await ask(scene, "hyunwoo", "refresh", environment="prod", hard=hard)
    assert seeing.answer(result) == seeing.Seen(
        title=f"prod · {'hard refresh' if hard else 'refresh'} done",
        text=f"**OutOfSync** · **Healthy**\nCompared with `{released.manifest.sha[:7]}` ⏱",
    )
    asked = [dict(request.query) for request in scene.argocd.requests if "refresh" in request.query]
    assert asked == [{"project": "tiketi", "refresh": "hard" if hard else "normal"}]
    [operation] = await rows.operations()
    assert (operation.state, operation.hard) == (OperationState.SUCCEEDED, hard)
    assert scene.argocd.received("POST") == []

    service = await ask(scene, "sora", "status", environment="prod", service="ticket-service")
    assert list(fields(service)) == ["prod · OutOfSync · Healthy"]
    assert f"\nGit asks for `{released.tag}`\n" in fields(service)["prod · OutOfSync · Healthy"]


@pytest.mark.usefixtures("looked")
async def test_a_refresh_that_never_returns_ends_in_time(
    scene: Scene, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = scene.world.application("staging").faults
    faults.refresh_hangs = True
    defaults = ArgoCD.read.__kwdefaults__
    assert defaults is not None
    with monkeypatch.context() as patched:
        # The time-out of production is 20 seconds; nothing but the number differs.
        patched.setitem(defaults, "refresh_timeout", 0.3)
        result = await ask(scene, "hyunwoo", "refresh", environment="staging")
    assert seeing.told(result) == ("staging · refresh still runs", f"{STILL}\nCompared last ⏱")
    assert len([1 for request in scene.argocd.requests if "refresh" in request.query]) == 1
    [operation] = await rows.operations()
    assert operation.state is OperationState.FAILED

    faults.refresh_hangs = False
    assert seeing.told(await ask(scene, "hyunwoo", "refresh", environment="staging"))[0] == "staging · refresh done"


@pytest.mark.usefixtures("looked")
async def test_a_refresh_that_fails_says_why(scene: Scene) -> None:
    scene.argocd.faults.refresh_expires = True
    result = await ask(scene, "hyunwoo", "refresh", environment="staging")
    assert seeing.told(result) == ("staging · refresh still runs", f"{STILL}\nCompared last ⏱")

    scene.argocd.faults.refresh_expires, scene.argocd.faults.status = False, 503
    result = await ask(scene, "hyunwoo", "refresh", environment="staging", hard=True)
    assert seeing.told(result) == ("staging · hard refresh failed", SILENT)
    # What was read before is still shown, and that it is old.
    assert fields(await ask(scene, "sora", "status", environment="staging")) == {
        "staging · Synced · Healthy": f"⚠️ {SILENT} This is what was read last:\n"
        + healthy(scene, "staging", last=" · admin ⏱")
    }


async def test_a_hard_refresh_is_one_in_two_minutes_for_everybody(scene: Scene, rows: Rows, clock: Clock) -> None:
    def asked() -> list[str]:
        return [request.query["refresh"] for request in scene.argocd.requests if "refresh" in request.query]

    first = await ask(scene, "hyunwoo", "refresh", environment="staging", hard=True)
    assert seeing.told(first)[0] == "staging · hard refresh done"
    title, reason = seeing.told(await ask(scene, "jisoo", "refresh", environment="staging", hard=True))
    assert (title, reason) == (
        "Refused",
        "A hard refresh has Argo CD render everything anew, so there is one in two minutes for each environment. "
        "Again ⏱.",
    )
    assert asked() == ["hard"]
    assert seeing.told(await ask(scene, "jisoo", "refresh", environment="staging"))[0] == "staging · refresh done"
    assert (
        seeing.told(await ask(scene, "jisoo", "refresh", environment="dev", hard=True))[0] == "dev · hard refresh done"
    )

    clock.pass_by(minutes=2)
    again = await ask(scene, "jisoo", "refresh", environment="staging", hard=True)
    assert seeing.told(again)[0] == "staging · hard refresh done"
    assert asked() == ["hard", "normal", "hard", "hard"]


async def test_status_shows_what_somebody_else_does(scene: Scene, rows: Rows) -> None:
    app = scene.world.application("prod")
    app.faults.run_ticks = 10**6
    scene.world.operate("prod", username="admin")
    await until(lambda: app.phase == "Running" and "syncResult" in (app.operation_state or {}))
    await rows.observed("prod", after=scene.clock())

    [shown] = fields(await ask(scene, "sora", "status", environment="prod")).values()
    assert shown.splitlines()[-3:] == [
        f"⏳ sync of `{app.revision[:7]}` · Running · admin ⏱",
        "one or more tasks are running",
        argocd(scene, "prod"),
    ]


@pytest.mark.parametrize("who", ["sora", "guest"])
async def test_a_refresh_is_refused_to_who_may_only_look(scene: Scene, rows: Rows, who: str) -> None:
    result = await ask(scene, who, "refresh", environment="prod")
    assert seeing.told(result) == ("Refused", may_not("prod:refresh"))
    assert await rows.operations() == []
    assert [request.query for request in scene.argocd.requests if "refresh" in request.query] == []
    assert seeing.told(await ask(scene, "jisoo", "refresh", environment="nowhere")) == ("Refused", NO_ENVIRONMENT)


@pytest.mark.parametrize(
    ("who", "rights"),
    [
        (
            "minji",
            "**dev** view, deploy, refresh, restart, terminate, logs\n"
            "**staging** view, deploy, refresh, restart, terminate, logs\n"
            "**prod** view, deploy, approve, refresh, restart, terminate, logs",
        ),
        (
            "hyunwoo",
            "**dev** view, deploy, refresh, logs\n**staging** view, deploy, refresh, logs\n"
            "**prod** view, deploy, refresh, logs",
        ),
        ("sora", "**dev** view\n**staging** view\n**prod** view"),
        ("guest", "**dev** nothing\n**staging** nothing\n**prod** nothing"),
    ],
)
async def test_help_lists_the_commands_and_ones_own_rights(scene: Scene, who: str, rights: str) -> None:
    result = await ask(scene, who, "help")
    assert seeing.answer(result) == seeing.Seen(
        title="What I can do",
        text=expected.HELP,
        footer="A push starts a release card by itself; the buttons on it decide.",
    )
    assert fields(result) == {"You may": rights}


TYPED: Mapping[str, Mapping[str, list[str]]] = {
    "environment": {
        "": ["dev", "staging", "prod"],
        "p": ["prod"],
        "G": ["staging"],
        "d": ["dev", "prod"],
        "x": [],
    },
    "service": {
        "": ["backend", "auth-service", "ticket-service", "payment-service", "stats-service"],
        "T": ["ticket-service", "auth-service", "payment-service", "stats-service"],
        "back": ["backend"],
        "x": [],
    },
}


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("restart", "environment"),
        ("restart", "service"),
        ("terminate", "environment"),
        ("status", "environment"),
        ("status", "service"),
        ("refresh", "environment"),
        ("deploy", "environment"),
        ("deploy", "service"),
    ],
)
async def test_options_offer_names_to_members_only(scene: Scene, command: str, option: str) -> None:
    for typed, names in TYPED[option].items():
        for who in ("minji", "hyunwoo", "sora"):
            offered = await scene.town.people[who].autocomplete(scene.town.releases, command, option, typed)
            # Only a deploy can be of everything at once.
            every = ["all"] if (command, option) == ("deploy", "service") and typed in "all" else []
            assert offered == [{"name": name, "value": name} for name in [*names, *every]]
        assert await scene.town.people["guest"].autocomplete(scene.town.releases, command, option, typed) == []


async def test_a_member_who_loses_the_role_is_offered_nothing_any_more(scene: Scene) -> None:
    sora, channel = scene.town.people["sora"], scene.town.releases
    assert await sora.autocomplete(channel, "status", "environment", "prod") == [{"name": "prod", "value": "prod"}]
    scene.env.backend.edit_member(scene.town.guild.id, sora.id, {"role_ids": []})
    assert await sora.autocomplete(channel, "status", "environment", "prod") == []
    assert seeing.told(await ask(scene, "sora", "status")) == ("Refused", may_not("prod:view"))
