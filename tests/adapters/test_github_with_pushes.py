"""The bot's writes and the workflows' own pushes meet in one real repository: nothing is lost, nothing forced."""

import asyncio
from pathlib import Path

import pytest

from bot.adapters.github import GitHub
from bot.adapters.github_files import change_file
from bot.adapters.github_writes import Raced, Written
from sandbox.world import World
from tests.adapters.hub import OPERATION, OVERLAY, SERVICES, TAG, Scripted, connected, made_by, message, tagged, tags
from tests.docs.scripts import Finished, commit_tag, git, needs_tools, shallow_clone

pytestmark = needs_tools

PUSHING, WRITING = SERVICES[:3], SERVICES[3:]


async def write(github: GitHub, service: str) -> Written:
    """What the bot does for `/deploy … tag:`, until nobody is in the way."""
    while True:
        try:
            operation = f"op-{service}"
            return await change_file(
                github,
                path=OVERLAY,
                branch="main",
                change=tagged(service),
                message=message(service, operation=operation),
                operation=operation,
            )
        except Raced:
            pass


async def run(clone: Path, service: str) -> Finished:
    """What the workflow of a service does in the end."""
    directory = OVERLAY.rpartition("/")[0]
    return await commit_tag(clone, service, tag=TAG, overlay=directory, branch="main", environment="prod")


async def test_five_services_at_the_same_second_lose_nothing(hub: Scripted, world: World, tmp_path: Path) -> None:
    before = world.git.branches["main"]
    clones = {service: shallow_clone(world.git.directory, below=tmp_path) for service in PUSHING}
    hub.faults.slow = 0.02  # as long as a push takes, so that they do meet
    async with connected(hub) as one, connected(hub) as other, asyncio.timeout(60):
        scripts, written = await asyncio.gather(
            asyncio.gather(*(run(clones[service], service) for service in PUSHING)),
            asyncio.gather(*(write(github, service) for github, service in zip((one, other), WRITING, strict=True))),
        )

    assert [finished.code for finished in scripts] == [0] * len(PUSHING), scripts
    assert tags(world) == dict.fromkeys(SERVICES, TAG)

    def ask(*words: str) -> str:
        return git(*words, directory=world.git.directory)

    log = ask("log", "--format=%H %P%n", f"{before}..main").split("\n\n")
    chain = [line.split() for line in reversed([line.strip() for line in log]) if line]
    assert [parent for _, parent in chain] == [before, *(sha for sha, _ in chain[:-1])]  # one parent each: a line
    assert sorted(ask("log", "--format=%s", f"{before}..main").splitlines()) == sorted(
        [
            *(f"prod: Deploy {service} {TAG}" for service in PUSHING),
            *(message(service).partition("\n")[0] for service in WRITING),
        ]
    )
    assert [made_by(world, f"op-{service}") for service in WRITING] == [[item.revision] for item in written]
    pushed = {(clones[service].with_suffix(".output")).read_text().strip() for service in PUSHING}
    assert pushed == {f"revision={sha}" for sha, _ in chain} - {f"revision={item.revision}" for item in written}
    assert "error" not in ask("fsck", "--strict", "--full")


@pytest.mark.parametrize("pushes", [1, 2])
async def test_a_push_between_the_bots_look_and_its_write(
    repository: GitHub, hub: Scripted, world: World, tmp_path: Path, pushes: int
) -> None:
    clone = shallow_clone(world.git.directory, below=tmp_path)

    def push() -> None:
        file = clone / OVERLAY
        git("fetch", "--quiet", "origin", "main", directory=clone)
        git("reset", "--quiet", "--hard", "FETCH_HEAD", directory=clone)
        file.write_text(f"{file.read_text()}# {len(hub.faults.meanwhile)}\n")
        git("commit", "--quiet", "--all", "--message", "theirs", directory=clone)
        git("push", "--quiet", "origin", "HEAD:main", directory=clone)

    hub.faults.meanwhile = [push] * pushes
    hub.faults.writes_unanswered = 1
    written = await change_file(
        repository, path=OVERLAY, branch="main", change=tagged(), message=message(), operation=OPERATION
    )
    assert made_by(world) == [written.revision] == [world.git.branches["main"]]
    text = git("show", f"main:{OVERLAY}", directory=world.git.directory)
    assert text.splitlines()[-pushes:] == [f"# {left}" for left in reversed(range(pushes))]
    assert tags(world)["ticket-service"] == TAG
    assert hub.wrote == [f"PUT /contents/{OVERLAY}"] * (pushes + 1)
