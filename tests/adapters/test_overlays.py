"""The files of an overlay, asked of GitHub's stand-in: only those that are needed, and nothing that is not a file."""

import base64
from typing import Any

import pytest
from aiohttp import web

from bot.adapters import overlays
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Problem
from sandbox import git_objects
from sandbox.world import World
from tests.adapters.hub import OVERLAY, SERVICES, Scripted

PROD = "k8s/overlays/prod"
BASES = [f"k8s/base/{name}.yaml" for name in sorted(SERVICES)]


def written(world: World, files: dict[str, str | None]) -> str:
    """The revision after these files were pushed."""
    return world.git.commit("main", files, message="x", login="minji", at=world.timeline.after()).sha


def kustomization(world: World, more: str = "", *, resources: str = "") -> dict[str, str | None]:
    """The overlay's file with more in it."""
    text = world.git.head("main").tree[OVERLAY]
    return {OVERLAY: text.replace("- ../../base\n", f"- ../../base\n{resources}") + more}


async def fetched(repository: GitHub, revision: str) -> overlays.Overlay:
    """The overlay of production."""
    return await overlays.fetch(repository, revision=revision, directory=f"/{PROD}/")


async def test_only_what_is_referred_to_is_fetched(repository: GitHub, hub: Scripted, world: World) -> None:
    more = (
        "patches: [{path: p.yaml}]\nconfigMapGenerator: [{name: c, files: [conf/app.conf, a=conf/b.conf], envs: [e]}]\n"
    )
    names = ("p.yaml", "conf/app.conf", "conf/b.conf", "e")
    files = {f"{PROD}/{name}": f"# {name}\n" for name in names}
    head = world.git.head("main").tree[OVERLAY].partition("configMapGenerator")[0]
    revision = written(world, {**files, OVERLAY: head + more, f"{PROD}/not-needed.yaml": "?", "k8s/base/notes.md": "?"})

    found = await fetched(repository, revision)

    assert found.problems == []
    assert found.kustomizations == [OVERLAY, "k8s/base/kustomization.yaml"]
    assert sorted(found.files) == sorted([OVERLAY, *files, "k8s/base/kustomization.yaml", *BASES])
    assert {path: found.files[path].decode() for path in files} == files
    assert hub.asked[0] == f"GET /git/trees/{revision}"
    assert [asked.split("/")[2] for asked in hub.asked[1:]] == ["blobs"] * len(found.files)


async def test_what_is_not_there_is_a_problem_with_its_line(repository: GitHub, world: World) -> None:
    entries = [
        "gone.yaml",
        "../../../../etc",
        "../../base/backend.yaml",
        "/etc/passwd",
        "../staging/none",
        "../../base/",
    ]
    files = kustomization(
        world,
        "patches: [{path: ../../base}]\ncomponents: [a.yaml]\nresorces: []\nopenapi: {path: 5}\nbases: ['']\n",
        resources="".join(f"- {entry}\n" for entry in entries),
    )
    found = await fetched(repository, written(world, {**files, f"{PROD}/a.yaml": "{}"}))
    last = files[OVERLAY].count("\n")  # type: ignore[union-attr]  # a text
    assert [(one.line, one.text) for one in found.problems] == [
        (6, "gone.yaml does not exist"),
        (7, "../../../../etc lies outside the repository"),
        (8, "../../base/backend.yaml is not below this kustomization, so kustomize does not read it"),
        (9, "/etc/passwd lies outside the repository"),
        (10, "../staging/none does not exist"),
        (last - 4, "../../base is a directory, and a file is needed"),
        (last - 3, "a.yaml is a file, and a directory is needed"),
        (last - 2, "kustomize has no field resorces"),
        (last - 1, "this is not the path of a file"),
        (last, "this is not the path of a file"),
    ]


NOT_LOCAL = {
    "an address": ("resources: ['https://evil.test/a.yaml']", "https://evil.test/a.yaml is not in this repository"),
    "a field in another case": (
        "Patches: [{Path: 'HTTPS://evil.test'}]",
        "HTTPS://evil.test is not in this repository",
    ),
    "a repository": ("components: ['github.com/a/b//c?ref=v1']", "github.com/a/b//c?ref=v1 is not in this repository"),
    "a host": ("components: [git.evil.test/a/b]", "git.evil.test/a/b is not in this repository"),
    "one with a login": ("bases: ['git@evil.test:a/b']", "git@evil.test:a/b is not in this repository"),
    "a file of a generator": (
        "secretGenerator: [{name: s, FILES: ['a=https://evil.test']}]",
        "https://evil.test is not in this repository",
    ),
    "a directory of that name": ("crds: ['https:/evil.test']", "https:/evil.test is not in this repository"),
    "helm": ("helmCharts: []", "helmCharts would have programs run"),
    "a plugin": ("Transformers: [a.yaml]", "Transformers would have programs run"),
    "a generator": ("generators: [a.yaml]", "generators would have programs run"),
}


@pytest.mark.parametrize("name", NOT_LOCAL)
async def test_nothing_else_is_fetched_and_nothing_is_run(repository: GitHub, world: World, name: str) -> None:
    text, said = NOT_LOCAL[name]
    files = {
        OVERLAY: f"kind: Kustomization\n# {name}\n{text}\n",
        f"{PROD}/https:/evil.test": "{}",
        f"{PROD}/a.yaml": "{}",
    }
    with pytest.raises(Refused) as caught:
        await fetched(repository, written(world, {**files}))
    assert (caught.value.reason, caught.value.detail) == (
        Reason.OVERLAY_NOT_LOCAL,
        f"`{OVERLAY}:3 {said}`",
    )


@pytest.mark.parametrize("text", ["resources: [a.yaml\n", "a: 1\n---\nb: 2\n", "resources: &a [*a]\n", "- a\n"])
async def test_a_kustomization_that_cannot_be_read_is_a_problem(repository: GitHub, world: World, text: str) -> None:
    found = await fetched(repository, written(world, {OVERLAY: text}))
    assert [(one.file, one.line > 0) for one in found.problems] == [(OVERLAY, True)]


async def test_an_overlay_that_is_no_text_or_missing(repository: GitHub, world: World) -> None:
    found = await fetched(repository, written(world, {OVERLAY: "a: \udcff"}))
    assert found.problems == [Problem(text="the file is not UTF-8", file=OVERLAY, line=1)]
    several: dict[str, str | None] = {OVERLAY: "{}", f"{PROD}/Kustomization": "{}"}
    for files in (several, dict.fromkeys(several)):
        with pytest.raises(Refused) as caught:
            await fetched(repository, written(world, files))
        assert caught.value.reason is Reason.OVERLAY_MISSING


def tree(*entries: tuple[str, str, str], truncated: bool = False) -> web.Response:
    """A tree as GitHub tells it: path, mode and content of each."""
    listed: list[dict[str, Any]] = [
        {"path": path, "mode": mode, "type": "blob", "sha": sha(text), "size": len(text)}
        for path, mode, text in entries
    ]
    return web.json_response({"sha": "a" * 40, "tree": listed, "truncated": truncated})


def sha(text: str) -> str:
    """The name of a blob."""
    return git_objects.blob(text)


def blob(text: str, name: str = "") -> web.Response:
    """A blob as GitHub tells it."""
    return web.json_response(
        {"sha": name or sha(text), "content": base64.b64encode(text.encode()).decode(), "encoding": "base64"}
    )


RESOURCES = "resources: [a.yaml, b/c.yaml]\n"
LINKED = {
    "a link": (("100644", "120000", "100644"), "a.yaml leads through a link or a submodule"),
    "a submodule": (("100644", "100644", "160000"), "b/c.yaml leads through a link or a submodule"),
}


@pytest.mark.parametrize("name", LINKED)
async def test_links_and_submodules_are_not_followed(repository: GitHub, hub: Scripted, name: str) -> None:
    (first, second, third), said = LINKED[name]
    below = "b/c.yaml" if third == "100644" else "b"
    hub.answers = [
        tree((f"{OVERLAY}", first, RESOURCES), (f"{PROD}/a.yaml", second, "{}"), (f"{PROD}/{below}", third, "{}")),
        blob(RESOURCES),
    ]
    with pytest.raises(Refused) as caught:
        await fetched(repository, "a" * 40)
    assert (caught.value.reason, caught.value.detail) == (Reason.OVERLAY_NOT_LOCAL, f"`{OVERLAY}:1 {said}`")


async def test_what_is_in_lfs_is_not_there(repository: GitHub, hub: Scripted) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    text = "resources: [a.yaml]\n"
    hub.answers = [tree((OVERLAY, "100644", text), (f"{PROD}/a.yaml", "100644", pointer)), blob(text), blob(pointer)]
    with pytest.raises(Refused) as caught:
        await fetched(repository, "a" * 40)
    assert (caught.value.reason, caught.value.detail) == (Reason.OVERLAY_NOT_LOCAL, f"`{PROD}/a.yaml is in Git LFS`")


async def test_what_would_leave_the_directory_it_is_written_to_is_not_there(repository: GitHub, hub: Scripted) -> None:
    text = "resources: [a/../b.yaml]\n"
    hub.answers = [tree((OVERLAY, "100664", text), (f"{PROD}/../../../b.yaml", "100644", "{}")), blob(text)]
    found = await fetched(repository, "a" * 40)
    assert found.problems == [Problem(text="a/../b.yaml does not exist", file=OVERLAY, line=1)]
    assert [*found.files] == [OVERLAY]


async def test_a_blob_of_another_content_is_no_answer(repository: GitHub, hub: Scripted) -> None:
    hub.answers = [tree((OVERLAY, "100644", "{}")), blob("{ }", sha("{}"))]
    with pytest.raises(GithubError) as caught:
        await fetched(repository, "a" * 40)
    assert caught.value.reason is Reason.GITHUB_UNREACHABLE


async def test_number_and_size_are_bounded_before_anything_is_fetched(
    repository: GitHub, hub: Scripted, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = "".join(f"- {number}.yaml\n" for number in range(500))
    few = kustomization(world, resources="- big.yaml\n- bigger.yaml\n")
    big = {f"{PROD}/big.yaml": "#" * 2 * 2**20, f"{PROD}/bigger.yaml": "#" * 3 * 2**20}
    cases = [
        written(world, {**kustomization(world, resources=resources), **{f"{PROD}/{n}.yaml": "#" for n in range(500)}}),
        written(world, {**few, **big}),
    ]
    for revision in cases:
        hub.requests.clear()
        with pytest.raises(Refused) as caught:
            await fetched(repository, revision)
        assert caught.value.reason is Reason.OVERLAY_TOO_BIG
        assert len(hub.asked) == 2
    hub.faults.trees_truncated = True
    with pytest.raises(GithubError) as cut:
        await fetched(repository, cases[0])
    assert cut.value.reason is Reason.OVERLAY_TOO_BIG
