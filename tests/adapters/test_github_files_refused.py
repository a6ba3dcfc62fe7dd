"""Writes of a file that are refused by the change, the branch, the token or a limit, each with its reason."""

from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_files import change_file
from bot.adapters.github_requests import Unanswered
from bot.domain.reasons import Reason, Refused
from sandbox.github_writes import CHECKS, CLASSIC, RULES
from sandbox.world import World
from tests.adapters.conftest import Calls
from tests.adapters.hub import OVERLAY, Scripted, connected, deploy, made_by, message, tagged


async def test_a_change_that_is_refused_writes_nothing(repository: GitHub, hub: Scripted, world: World) -> None:
    with pytest.raises(Refused) as refused:
        await deploy(repository, change=tagged("nobody"))
    assert refused.value.reason is Reason.IMAGE_NOT_LISTED
    world.commit_overlay("prod", "a: \udcff", message="x", login="minji")
    with pytest.raises(Refused) as refused:
        await deploy(repository)
    assert (refused.value.reason, hub.wrote) == (Reason.MANIFEST_UNREADABLE, [])


@pytest.mark.parametrize("says", [RULES, CHECKS, CLASSIC, (422, "Changes must be made through a pull request.")])
async def test_a_protected_branch_is_honoured(
    repository: GitHub, hub: Scripted, world: World, says: tuple[int, str]
) -> None:
    hub.faults.protected["main"] = says
    with pytest.raises(GithubError) as caught:
        await deploy(repository)
    assert caught.value.reason is Reason.BRANCH_PROTECTED
    assert (len(hub.wrote), made_by(world)) == (1, [])


async def test_a_token_that_may_only_read(repository: GitHub, hub: Scripted, world: World) -> None:
    hub.faults.forbidden = frozenset({"contents"})
    with pytest.raises(GithubError) as caught:
        await deploy(repository)
    assert (caught.value.reason, len(hub.wrote)) == (Reason.GITHUB_FORBIDDEN, 1)
    hub.method, hub.answers = "PUT", [web.json_response({"message": "Not Found"}, status=404)]
    with pytest.raises(GithubError) as caught:
        await deploy(repository)
    assert caught.value.reason is Reason.GITHUB_FORBIDDEN
    async with connected(hub, token=lambda: SecretStr("ghp_wrong")) as stranger:
        with pytest.raises(GithubError) as caught:
            await deploy(stranger)
    assert caught.value.reason is Reason.GITHUB_FORBIDDEN


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [({"writes_limited": 90}, 90, 90), ({"writes_limited": 99_999}, 3600, 3600), ({"status": 403}, 1700, 1801)],
    ids=["secondary", "too long", "primary"],
)
async def test_a_limit_says_when_to_try_again_and_nobody_sleeps(
    repository: GitHub, hub: Scripted, world: World, calls: Calls, fault: dict[str, int], least: int, most: int
) -> None:
    for name, value in fault.items():
        setattr(hub.faults, name, value)
    with pytest.raises(Limited) as caught:
        await deploy(repository)
    assert caught.value.reason is Reason.GITHUB_LIMITED
    assert least <= caught.value.retry_after <= most
    assert len(hub.wrote) == (1 if "writes_limited" in fault else 0)
    assert calls.seen[-1][2] == "github_limited"
    assert made_by(world) == []


@pytest.mark.parametrize("text", ["<html>", "[]", "{}", '{"commit": {"sha": "x"}}'])
async def test_an_answer_that_is_none_is_a_doubt(repository: GitHub, hub: Scripted, world: World, text: str) -> None:
    hub.method, hub.answers = "PUT", [web.Response(text=text, content_type="application/json") for _ in range(3)]
    with pytest.raises(Unanswered):
        await deploy(repository)
    assert len(hub.wrote) == 3


@pytest.mark.parametrize("errors", [["no", {"code": "x"}, {"message": "why"}], "no", None, 7])
async def test_any_other_refusal_is_one(repository: GitHub, hub: Scripted, errors: Any) -> None:
    hub.method, hub.answers = "PUT", [web.json_response({"message": "Invalid.", "errors": errors}, status=422)]
    with pytest.raises(GithubError) as caught:
        await deploy(repository)
    assert (caught.value.reason, len(hub.wrote)) == (Reason.GITHUB_REFUSED, 1)
    assert caught.value.log.startswith("422 Invalid.")


async def test_the_branch_disappears_in_between(repository: GitHub, hub: Scripted, world: World) -> None:
    world.git.branches["gone"] = world.git.branches["main"]
    hub.faults.meanwhile = [lambda: world.git.branches.pop("gone")]
    with pytest.raises(GithubError) as caught:
        await deploy(repository, branch="gone")
    assert caught.value.reason is Reason.BRANCH_MISSING


async def test_a_message_without_its_operation_is_a_mistake(repository: GitHub, hub: Scripted) -> None:
    with pytest.raises(ValueError, match="which operation"):
        await change_file(
            repository, path=OVERLAY, branch="main", change=tagged(), message=message(), operation="another"
        )
    assert hub.requests == []
