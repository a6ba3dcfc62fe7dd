"""Validating an overlay: which commit, one at a time, and what is said when it cannot be."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Problem
from bot.services import validations
from bot.services.validations import Validator
from sandbox.world import World
from tests.services.house import Bot
from tests.services.outside import Outside

OVERLAY = "k8s/overlays/prod/kustomization.yaml"
BASE = "k8s/base/backend.yaml"


@pytest.fixture
def validator(bot: Bot) -> Validator:
    """It, with the stand-in of GitHub."""
    return Validator(github=bot.rerunner.github)


def pushed(world: World, files: dict[str, str], *, branch: str = "main") -> str:
    """The revision of a commit of these files."""
    at = world.timeline.after()
    return world.git.commit(branch, dict(files), message="fix: more\n\nof it", login="minji", at=at).sha


async def test_the_newest_commit_or_any_other(bot: Bot, world: World, validator: Validator) -> None:
    prod = bot.catalog.environments["prod"]
    old = world.git.head("main")
    base = old.tree[BASE].replace("port: 80", "port: http")
    broken = pushed(world, {BASE: base})

    found = await validator.validate(prod, revision=None)
    assert (found.revision, found.subject, found.files) == (broken, "fix: more", 7)
    line = base.splitlines().index("  - port: http") + 1
    assert found.checked.problems == (
        Problem(
            text="has to be a whole number, and is a text",
            file=BASE,
            line=line,
            subject="Service/backend",
            place="spec.ports[0].port",
        ),
    )
    for revision in (old.sha, old.sha[:7]):
        before = await validator.validate(prod, revision=revision)
        assert (before.revision, before.checked.total) == (old.sha, 0)
        assert before.checked.kinds == {"ConfigMap": 5, "Service": 5, "Deployment": 5}

    gone = pushed(world, {OVERLAY: old.tree[OVERLAY].replace("../../base", "../../bases")})
    missing = await validator.validate(prod, revision=gone)
    assert missing.checked.problems == (Problem(text="../../bases does not exist", file=OVERLAY, line=5),)
    assert missing.checked.kubernetes == ""


@pytest.mark.parametrize("revision", ["main", "abc", "0123456", "abcdef0", "-" * 7, "a" * 40])
async def test_a_revision_that_is_none_is_refused(bot: Bot, world: World, validator: Validator, revision: str) -> None:
    world.git.branches["abcdef0"] = world.git.head("main").sha
    with pytest.raises(Refused) as caught:
        await validator.validate(bot.catalog.environments["prod"], revision=revision)
    assert caught.value.reason is Reason.REVISION_UNKNOWN


async def test_what_is_missing_is_said(bot: Bot, outside: Outside, validator: Validator) -> None:
    prod = bot.catalog.environments["prod"]
    for validating, environment, reason in (
        (replace(validator, kubectl=None), prod, Reason.KUBECTL_MISSING),
        (validator, replace(prod, branch="nowhere"), Reason.BRANCH_MISSING),
        (validator, replace(prod, overlay="k8s/overlays/none"), Reason.OVERLAY_MISSING),
    ):
        with pytest.raises(Refused) as caught:
            await validating.validate(environment, revision=None)
        assert caught.value.reason is reason
    outside.github.faults.status = 503
    with pytest.raises(Refused) as silent:
        await validator.validate(prod, revision=None)
    assert (silent.value.reason, len(silent.value.log_id)) == (Reason.GITHUB_UNREACHABLE, 8)


async def test_one_is_built_at_a_time_and_nobody_waits_for_ever(
    bot: Bot, validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod, staging = bot.catalog.environments["prod"], bot.catalog.environments["staging"]
    async with validator.turn:
        waiting = asyncio.create_task(validator.validate(staging, revision=None))
        monkeypatch.setattr(validations, "WAIT", 0.01)
        with pytest.raises(Refused) as caught:
            await validator.validate(prod, revision=None)
        assert caught.value.reason is Reason.VALIDATION_BUSY
    monkeypatch.setattr(validations, "WAIT", 60.0)
    with pytest.raises(Refused):
        await waiting  # it came to wait when nobody was to wait long
    assert not validator.turn.locked()
    found = await asyncio.gather(*(validator.validate(place, revision=None) for place in (prod, staging)))
    assert [one.checked.total for one in found] == [0, 0]


async def test_files_that_do_not_come_are_not_waited_for(
    bot: Bot, outside: Outside, validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validations, "FETCH", 0.05)
    revision = outside.world.git.head("main").sha
    await validator.github.commit(revision)
    outside.github.faults.slow = 0.1
    with pytest.raises(Refused) as caught:
        await validator.validate(bot.catalog.environments["prod"], revision=revision)
    assert (caught.value.reason, validator.turn.locked()) == (Reason.GITHUB_UNREACHABLE, False)
