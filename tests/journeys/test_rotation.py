"""Every token is changed while the bot runs: the old one stays in use until the new one is there; nothing is missed."""

import os
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot import settings as environment
from bot.app import App
from bot.rereading import Rereading
from bot.settings import PREFIX
from sandbox.scene import ARGOCD_TOKEN, SECRET, Scene
from tests.journeys import program, seeing
from tests.journeys.looks import ask
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

FROM_FILES = ("ARGOCD_TOKEN", "ARGOCD_WEBHOOK_TOKEN", "CI_TOKEN", "GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET")
UNREADABLE = 'error getting value for field "github_webhook_secret" from source "SecretsSettingsSource"'
CI = "the-first-ci-token"


class Mounted:
    """The directory of secrets, as Kubernetes or a person changes it, and what the bot read of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hidden: list[tuple[str, ...]] = []

    def hide(self, secrets: Iterable[str]) -> None:
        self.hidden.append(tuple(secrets))

    def write(self, name: str, value: str) -> None:
        """Put a file in the place of the old one, in one step."""
        fresh = self.directory / f".{name}"
        fresh.write_text(f"{value}\n")
        os.replace(fresh, self.directory / f"{PREFIX}{name}")

    async def read(self, *secrets: str) -> None:
        """Wait until the bot uses these."""
        await until(lambda: self.hidden and set(secrets) <= set(self.hidden[-1]))


@pytest.fixture
async def mounted(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounted:
    """The bot of the scene, started anew with its tokens in files."""
    place = Mounted(tmp_path / "secrets")
    place.directory.mkdir()
    await scene.stop()
    monkeypatch.chdir(tmp_path)
    for name, value in (program.everything(scene, tmp_path) | {f"{PREFIX}CI_TOKEN": CI}).items():
        if name.removeprefix(PREFIX) in FROM_FILES:
            place.write(name.removeprefix(PREFIX), value)
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv(f"{PREFIX}SECRETS_DIR", str(place.directory))
    scene.settings = environment.load()
    rereading = Rereading(scene.settings, scene.topology, hide=place.hide, pause=timedelta(seconds=0.02))
    await scene.start(make=partial(App, rereading=rereading))
    return place


async def doors(scene: Scene, *, github: str, argocd: str, ci: str) -> list[int | None]:
    """What each door answers to these proofs."""
    return [
        await scene.senders.github("ping", {"zen": "Keep it logically awesome."}, secret=github),
        await scene.senders.argocd({"nothing": 1}, token=argocd),
        await scene.senders.ci({"nothing": 1}, token=ci),
    ]


async def test_the_doors_take_the_new_secrets_without_a_restart(scene: Scene, mounted: Mounted) -> None:
    old = {"github": SECRET, "argocd": ARGOCD_TOKEN, "ci": CI}
    new = {"github": "fresh-hook", "argocd": "fresh-argocd", "ci": "fresh-ci"}
    assert await doors(scene, **old) == [202, 202, 202]
    assert await doors(scene, **new) == [401, 401, 401]

    mounted.write("GITHUB_WEBHOOK_SECRET", f"fresh-hook,{SECRET}")
    mounted.write("ARGOCD_WEBHOOK_TOKEN", f"fresh-argocd,{ARGOCD_TOKEN}")
    mounted.write("CI_TOKEN", f"fresh-ci,{CI}")
    await mounted.read("fresh-hook", SECRET, "fresh-argocd", ARGOCD_TOKEN, "fresh-ci", CI)
    assert await doors(scene, **old) == [202, 202, 202]
    assert await doors(scene, **new) == [202, 202, 202]
    mounted.write("GITHUB_WEBHOOK_SECRET", "fresh-hook")
    mounted.write("ARGOCD_WEBHOOK_TOKEN", "fresh-argocd")
    mounted.write("CI_TOKEN", "fresh-ci")
    await until(lambda: not {SECRET, ARGOCD_TOKEN, CI} & set(mounted.hidden[-1]))
    assert await doors(scene, **new) == [202, 202, 202]
    assert await doors(scene, **old) == [401, 401, 401]


async def test_argo_cd_and_github_are_asked_with_the_new_tokens(scene: Scene, mounted: Mounted) -> None:
    async def asked() -> list[bool]:
        """Whether Argo CD and GitHub answered."""
        windows = seeing.told(await ask(scene, "jisoo", "windows", environment="prod"))
        found = seeing.told(await ask(scene, "jisoo", "validate", environment="prod"))
        return [windows[0] != "Refused", found[0] != "Refused"]

    before = scene.argocd.token
    after = scene.argocd.accounts.issue("chatops", actions=("get", "sync"))
    assert await asked() == [True, True]
    scene.argocd.accounts.revoke(before)
    scene.github.replace_token("ghp_fresh")
    assert await asked() == [False, False]

    mounted.write("ARGOCD_TOKEN", after)
    mounted.write("GITHUB_TOKEN", "ghp_fresh")
    await mounted.read(after, "ghp_fresh")
    assert await asked() == [True, True]


async def test_what_cannot_be_read_changes_nothing_and_is_said_once(scene: Scene, mounted: Mounted) -> None:
    file = mounted.directory / f"{PREFIX}GITHUB_WEBHOOK_SECRET"
    known = {"github": SECRET, "argocd": ARGOCD_TOKEN, "ci": CI}
    with capture_logs() as said:

        def kept() -> list[str]:
            return [line["problem"] for line in said if line["event"] == "secrets.kept"]

        mounted.write("GITHUB_WEBHOOK_SECRET", "")
        await until(lambda: kept() == ["CHATOPS_GITHUB_WEBHOOK_SECRET: must not be empty"])
        file.write_bytes(b"\xff\xfe")
        await until(lambda: kept()[1:] == [UNREADABLE])
        file.unlink()
        await until(lambda: kept()[2:] == ["CHATOPS_GITHUB_WEBHOOK_SECRET: is required"])
        assert await doors(scene, **known) == [202, 202, 202]
        (mounted.directory / f"{PREFIX}CI_TOKEN").unlink()
        mounted.write("GITHUB_WEBHOOK_SECRET", "fresh-hook")
        await mounted.read("fresh-hook")
        gone = "CHATOPS_CI_TOKEN: not there any more, and in use until a restart"
        await until(lambda: kept()[3:] == [gone])
        mounted.write("GITHUB_WEBHOOK_SECRET", "third-hook")
        await mounted.read("third-hook")
        assert kept()[3:] == [gone]

    # A door whose file is gone stays as it is: shutting it needs a restart.
    assert await doors(scene, **known | {"github": "third-hook"}) == [202, 202, 202]
    changed = [line["settings"] for line in said if line["event"] == "secrets.changed"]
    assert changed == [["CHATOPS_GITHUB_WEBHOOK_SECRET"]] * 2
    assert "fresh-hook" not in str(said)


async def test_what_the_environment_says_stands(
    scene: Scene, mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}CI_TOKEN", CI)
    mounted.write("CI_TOKEN", "fresh-ci")
    mounted.write("ARGOCD_WEBHOOK_TOKEN", "fresh-argocd")
    await mounted.read("fresh-argocd")
    assert await doors(scene, github=SECRET, argocd="fresh-argocd", ci=CI) == [202, 202, 202]
    assert (await doors(scene, github=SECRET, argocd="fresh-argocd", ci="fresh-ci"))[2] == 401
