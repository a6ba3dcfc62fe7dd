"""kubectl beside the bot: what it is given and what not, how long it may take, and that it is never left behind."""

import asyncio
import json
import os
import resource
import tempfile
from pathlib import Path

import pytest

from bot.adapters import kustomize
from bot.adapters.kustomize import DoesNotBuild
from bot.adapters.overlays import Overlay
from bot.domain.reasons import Reason, Refused
from tests.adapters.overlaid import BACKEND, GOOD, KUSTOMIZATION, PROD

OVERLAY = Overlay(
    directory=PROD,
    files={path: text.encode() for path, text in GOOD.items()},
    kustomizations=[KUSTOMIZATION, "k8s/base/kustomization.yaml"],
)


def program(path: Path, text: str) -> str:
    """A program in kubectl's place."""
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


def is_running(pid: str) -> bool:
    """Whether there is a process that has not ended; one that nobody has waited for is a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def is_empty(directory: Path) -> bool:
    """Whether nothing was left in it."""
    return not [*directory.iterdir()]


@pytest.fixture
def left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where overlays are written to, empty."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))  # a place nobody else writes to
    return directory


async def test_it_gets_the_overlay_and_nothing_of_the_bots(
    tmp_path: Path, left_over: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATOPS_DISCORD_TOKEN", "hunter2")
    told = 'echo "$@"; /usr/bin/env; /bin/pwd; /bin/cat "$3/kustomization.yaml"'
    built = await kustomize.build(OVERLAY, kubectl=program(tmp_path / "kubectl", told))
    lines = built.splitlines()
    root = lines[0].rpartition(" ")[2].removesuffix(f"/repository/{PROD}")
    assert root.startswith(f"{left_over}/overlay-")
    assert lines[0] == f"kustomize --load-restrictor=LoadRestrictionsRootOnly {root}/repository/{PROD}"
    names = {name for name, equals, _ in (line.partition("=") for line in lines[1:]) if equals and name.isidentifier()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        *("GOMEMLIMIT", "HOME", "LANG", "PATH", "TMPDIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
    }
    assert {f"HOME={root}/home", "PATH=", "HTTPS_PROXY=http://127.0.0.1:9", f"{root}/home"} <= {*lines}
    assert built.endswith(f"{GOOD[KUSTOMIZATION]}\nbuildMetadata: [originAnnotations]\n")
    assert is_empty(left_over)


@pytest.mark.parametrize("more", ["buildMetadata: [managedByLabel]\n", "BuildMetadata: []\n", "...\n"])
async def test_a_kustomization_that_will_not_have_it_stays_as_it_is(tmp_path: Path, more: str) -> None:
    text = GOOD[KUSTOMIZATION] + more
    overlay = Overlay(directory=PROD, files={KUSTOMIZATION: text.encode()}, kustomizations=[KUSTOMIZATION])
    kubectl = program(tmp_path / "kubectl", '/bin/cat "$3/kustomization.yaml"')
    assert await kustomize.build(overlay, kubectl=kubectl) == text


async def test_one_that_takes_too_long_is_killed_with_what_it_started(
    tmp_path: Path, left_over: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kustomize, "SECONDS", 0.5)  # the same limit, in test time
    pids = tmp_path / "pids"
    kubectl = program(tmp_path / "kubectl", f"/bin/sleep 60 & echo $! $$ > {pids}; wait")
    with pytest.raises(Refused) as caught:
        await kustomize.build(OVERLAY, kubectl=kubectl)
    assert caught.value.reason is Reason.BUILD_TIMED_OUT
    assert [is_running(pid) for pid in pids.read_text().split()] == [False, False]
    assert is_empty(left_over)


async def test_nobody_waits_any_more(tmp_path: Path, left_over: Path) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    kubectl = program(tmp_path / "kubectl", f"echo $$ > {fifo}; exec /bin/sleep 60")
    building = asyncio.create_task(kustomize.build(OVERLAY, kubectl=kubectl))
    pid = (await asyncio.to_thread(fifo.read_text)).strip()
    assert is_running(pid)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert not is_running(pid)
    assert is_empty(left_over)


async def test_one_that_says_too_much_is_killed(tmp_path: Path, left_over: Path) -> None:
    pids = tmp_path / "pids"
    kubectl = program(tmp_path / "kubectl", f"echo $$ > {pids}; exec /usr/bin/yes aaaaaaaaaaaaaaaa")
    with pytest.raises(Refused) as caught:
        await kustomize.build(OVERLAY, kubectl=kubectl)
    assert caught.value.reason is Reason.OVERLAY_TOO_BIG
    assert not is_running(pids.read_text().strip())
    complaining = program(tmp_path / "complaining", "/usr/bin/yes b | /usr/bin/head -c 1000000 >&2; exit 3")
    with pytest.raises(DoesNotBuild) as failed:
        await kustomize.build(OVERLAY, kubectl=complaining)
    assert len(failed.value.message) < 65_537
    assert is_empty(left_over)


HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata:\n"
NESTED = HEAD + "  a: &a [x,x,x,x,x,x,x,x,x]\n"
for inner, outer in zip("abcdef", "bcdefg", strict=True):
    NESTED += f"  {outer}: &{outer} [{','.join([f'*{inner}'] * 9)}]\n"
INLINE = "patches:\n- patch: |-\n" + "".join(f"    {line}\n" for line in NESTED.replace("b}", "backend}").splitlines())
FLAT = f"{HEAD}  a: [{','.join(['x'] * 2_400_000)}]\n"
BOMBS = {
    "aliases": ({BACKEND: NESTED}, f"`{BACKEND}`"),
    "aliases in a text": ({KUSTOMIZATION: GOOD[KUSTOMIZATION] + INLINE, BACKEND: HEAD.replace("b}", "backend}")}, ""),
    "a long list": ({BACKEND: FLAT}, ""),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_what_would_take_too_much_memory_is_refused(name: str, left_over: Path) -> None:
    files, detail = BOMBS[name]
    overlay = Overlay(
        directory=PROD,
        files={path: text.encode() for path, text in {**GOOD, **files}.items()},
        kustomizations=OVERLAY.kustomizations,
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with pytest.raises(Refused) as caught:
        await kustomize.build(overlay, kubectl=kustomize.find())
    assert (caught.value.reason, caught.value.detail) == (Reason.OVERLAY_TOO_BIG, detail)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # what a child has before it becomes another program
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, own, kustomize.MEMORY // 1024)
    assert is_empty(left_over)


async def test_usual_overlays_and_large_ones_have_enough_memory() -> None:
    assert "image: registry/tiketi-backend:1.10" in await kustomize.build(OVERLAY, kubectl=kustomize.find())
    shared = HEAD + "  a: &a x\n" + "".join(f"  k{number}: *a\n" for number in range(500))
    large = "---\n".join(f"{HEAD.replace('b}', f'c{number}}}')}  a: {'x' * 5000}\n" for number in range(700))
    files = {KUSTOMIZATION: "resources: [a.yaml, b.yaml]\n", f"{PROD}/a.yaml": shared, f"{PROD}/b.yaml": large}
    overlay = Overlay(
        directory=PROD, files={path: text.encode() for path, text in files.items()}, kustomizations=[KUSTOMIZATION]
    )
    built = await kustomize.build(overlay, kubectl=kustomize.find())
    assert (built.count("kind: ConfigMap"), built.count("\n  k499: "), len(built) > 3_500_000) == (701, 1, True)


async def test_one_that_the_system_kills_took_too_much(tmp_path: Path) -> None:
    for text, refused in (
        ("kill -9 $$", True),
        ("echo 'fatal error: x' >&2; exit 2", True),
        ("echo 'fatal error: x' >&2; exit 1", False),
        ("echo 'panic: x' >&2; exit 2", False),
    ):
        with pytest.raises(Refused if refused else DoesNotBuild) as caught:
            await kustomize.build(OVERLAY, kubectl=program(tmp_path / "kubectl", text))
        assert not refused or getattr(caught.value, "reason", None) is Reason.OVERLAY_TOO_BIG


async def test_without_kubectl_it_says_what_to_install(tmp_path: Path) -> None:
    for missing in (None, str(tmp_path / "gone")):
        with pytest.raises(Refused) as caught:
            await kustomize.build(OVERLAY, kubectl=missing)
        assert caught.value.reason is Reason.KUBECTL_MISSING
        assert "requirements/base.txt" in caught.value.sentence


async def test_check_tells_the_versions_or_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, good, text)] = await kustomize.check()
    assert (name, good) == ("kubectl", True)
    assert text.startswith("v1.")
    found = {"clientVersion": {"gitVersion": "v1.2.3"}, "kustomizeVersion": "v5.0.0"}
    for said, expected in (
        (f"echo '{json.dumps(found)}'", (True, "v1.2.3, with kustomize v5.0.0")),
        ("echo no", (False, f"{tmp_path}/kubectl does not tell its version (JSONDecodeError)")),
    ):
        kubectl = program(tmp_path / "kubectl", said)
        monkeypatch.setattr(kustomize, "find", lambda kubectl=kubectl: kubectl)  # the real one tells one version
        assert await kustomize.check() == [("kubectl", *expected)]
    monkeypatch.setattr(kustomize, "find", lambda: None)  # it is installed here
    [(_, good, text)] = await kustomize.check()
    assert (good, "requirements/base.txt" in text) == (False, True)


def test_it_is_found_beside_python_or_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for directory in ("venv", "path"):
        (tmp_path / directory).mkdir()
    on_path = program(tmp_path / "path" / "kubectl", "true")
    monkeypatch.setattr("sys.executable", str(tmp_path / "venv" / "python"))  # kubectl lies beside the real one
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert kustomize.find() == on_path
    beside = program(tmp_path / "venv" / "kubectl", "true")
    assert kustomize.find() == beside
    monkeypatch.setenv("PATH", "")
    Path(beside).unlink()
    assert kustomize.find() is None
