"""Looking: /status, /help, and what the options offer while somebody types."""

from collections.abc import Mapping

import pytest

from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.looks import NO_ENVIRONMENT, REPLICAS, argocd, ask, fields, healthy, may_not
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

NO_SERVICE = "There is no such service. Pick one from the list that appears as you type."


@pytest.mark.usefixtures("looked")
async def test_status_shows_all_or_one_or_a_service_in_full(scene: Scene) -> None:
    everything = await ask(scene, "sora", "status")
    assert seeing.answer(everything) == seeing.Seen(title="All environments", text="")
    assert fields(everything) == {
        f"{name} · Synced · Healthy": healthy(scene, name, newest="admin ⏱") for name in ("dev", "staging", "prod")
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


@pytest.mark.parametrize(
    ("who", "rights"),
    [
        (
            "minji",
            "**dev** view, deploy, rollback, refresh, restart, rerun, terminate, logs, lock, audit, freeze, stop\n"
            "**staging** view, deploy, rollback, refresh, restart, rerun, terminate, logs, lock, audit, freeze, stop\n"
            "**prod** view, deploy, approve, rollback, refresh, restart, rerun, terminate, logs, lock, audit, freeze, "
            "stop",
        ),
        (
            "hyunwoo",
            "**dev** view, deploy, refresh, rerun, logs, lock\n**staging** view, deploy, refresh, rerun, logs, lock\n"
            "**prod** view, deploy, rollback, refresh, rerun, logs, lock",
        ),
        ("sora", "**dev** view\n**staging** view\n**prod** view"),
        ("guest", "nothing: ask for a role"),
    ],
)
async def test_help_lists_the_commands_and_ones_own_rights(scene: Scene, who: str, rights: str) -> None:
    result = await ask(scene, who, "help")
    assert seeing.answer(result) == seeing.Seen(
        title="What I can do",
        text=expected.HELP,
        footer="What follows a dot may be left out. A push starts a release card by itself; its buttons decide.",
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
