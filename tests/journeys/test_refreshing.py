"""/refresh: Argo CD looks again, within a time limit, and a hard one is rare."""

import pytest

from bot.adapters.argocd import ArgoCD
from bot.domain.operations import OperationState
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.looks import NO_ENVIRONMENT, SILENT, ask, fields, healthy, may_not
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

STILL = "Argo CD is still refreshing. It goes on by itself; `/status` shows when it compared last."


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
async def test_a_refresh_that_takes_too_long_says_when_argo_cd_compared_last(scene: Scene) -> None:
    # Argo CD has compared since the bot looked, and has told nobody.
    scene.world.application("staging").reconciled_at = "2026-01-05T14:30:00Z"
    scene.argocd.faults.refresh_expires = True
    result = await ask(scene, "hyunwoo", "refresh", environment="staging")
    assert result.response is not None
    [embed] = result.response.message.embeds
    assert embed.description == f"{STILL}\nCompared last <t:1767623400:R>"
    # What was read is kept, and there is nothing to warn about any more.
    shown = fields(await ask(scene, "sora", "status", environment="staging"))
    assert shown == {"staging · Synced · Healthy": healthy(scene, "staging", last=" · admin ⏱")}


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


@pytest.mark.parametrize("who", ["sora", "guest"])
async def test_a_refresh_is_refused_to_who_may_only_look(scene: Scene, rows: Rows, who: str) -> None:
    result = await ask(scene, who, "refresh", environment="prod")
    assert seeing.told(result) == ("Refused", may_not("prod:refresh"))
    assert await rows.operations() == []
    assert [request.query for request in scene.argocd.requests if "refresh" in request.query] == []
    assert seeing.told(await ask(scene, "jisoo", "refresh", environment="nowhere")) == ("Refused", NO_ENVIRONMENT)
