"""An OCI registry read over sockets: names in pages, few questions for images, and tokens only where they belong."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from bot.adapters import registry_oci
from bot.adapters.registry import RegistryBusy, RegistryError, RegistryForbidden, RegistryUnreachable, RepositoryUnknown
from bot.adapters.registry_oci import OciRegistry
from bot.domain.tags import Names, StoredImage
from sandbox import images, serving
from sandbox.registry import Registry
from sandbox.world import World
from tests.adapters.conftest import Calls

REPOSITORY = "tiketi-backend"
LOGIN = ("chatops", "hunter2")


@pytest.fixture
async def server(world: World) -> AsyncIterator[Registry]:
    """The registry of the world."""
    async with Registry(world.images) as server:
        yield server


@pytest.fixture
async def registry(server: Registry, calls: Calls) -> AsyncIterator[OciRegistry]:
    """The adapter, without credentials."""
    adapter = OciRegistry(url=server.url, observe=calls)
    yield adapter
    await adapter.aclose()


def asked(server: serving.Server) -> list[str]:
    """What was asked for, in order."""
    return [request.path.removeprefix(f"/v2/{REPOSITORY}/") for request in server.requests]


async def test_names_and_images_are_read_with_few_questions(
    registry: OciRegistry, server: Registry, world: World, calls: Calls
) -> None:
    first = world.overlay("staging").tags["backend"]
    released = world.release("prod", "backend")
    tags = {first, released.tag, "latest", "prod", "staging"}

    assert await registry.names(REPOSITORY) == Names(pushed=dict.fromkeys(tags), complete=True)
    found = await registry.images(REPOSITORY, [released.tag, "latest", "prod", first, "nope", "no tag at all"])

    old = world.images.find(REPOSITORY, first)
    assert old is not None
    assert found == (
        StoredImage(digest=released.image.digest, tags=frozenset({released.tag, "latest", "prod"})),
        StoredImage(digest=old.digest, tags=frozenset({first})),
    )
    assert sorted(asked(server)) == sorted(
        ["tags/list", *(f"manifests/{tag}" for tag in (released.tag, "latest", "prod", first, "nope"))]
    )
    assert calls.seen == [("registry", "names", "ok"), ("registry", "images", "ok")]


async def test_an_image_whose_tags_tell_no_time_is_asked_when_it_was_created(
    registry: OciRegistry, server: Registry, world: World
) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    image = world.images.push(REPOSITORY, tags=["hotfix"], revision="a" * 40, at=at)

    for reference in ("hotfix", image.digest):
        [found] = await registry.images(REPOSITORY, [reference])
        assert (found.digest, found.pushed_at) == (image.digest, at)
        assert found.tags == frozenset({reference} - {image.digest})
    assert sum(path.startswith("blobs/") for path in asked(server)) == 1


async def test_answers_are_kept_and_asked_once_for_all_who_look_at_once(
    registry: OciRegistry, server: Registry, world: World
) -> None:
    tag = world.overlay("staging").tags["backend"]
    await asyncio.gather(*(registry.names(REPOSITORY) for _ in range(5)))
    await asyncio.gather(*(registry.images(REPOSITORY, [tag]) for _ in range(5)))
    await registry.images(REPOSITORY, [tag])

    assert asked(server) == ["tags/list", f"manifests/{tag}"]


async def test_an_index_is_as_old_as_its_first_image(registry: OciRegistry, world: World) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    image = world.images.push(REPOSITORY, tags=[], revision="b" * 40, at=at)
    attestation = {"digest": "sha256:" + "0" * 64, "platform": {"os": "unknown"}}
    body = json.dumps({"manifests": [attestation, {"digest": image.digest, "platform": {"os": "linux"}}]}).encode()
    index = images.Image(
        repository=REPOSITORY,
        digest="sha256:" + "1" * 64,
        manifest=body,
        config=b"",
        config_digest="",
        pushed_at=at,
    )
    stored = world.images.repositories[REPOSITORY]
    stored.images[index.digest] = index
    stored.tags["multi"] = index.digest

    [found] = await registry.images(REPOSITORY, ["multi"])
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert found == StoredImage(digest=digest, tags=frozenset({"multi"}), pushed_at=at, index=True)
    resolved = await registry.resolve(REPOSITORY, "multi")
    assert resolved == StoredImage(digest=digest, tags=frozenset({"multi"}), index=True)
    with pytest.raises(RegistryUnreachable) as caught:  # kept under a digest that is not its own
        await registry.resolve(REPOSITORY, index.digest)
    assert caught.value.log == f"asked for {index.digest}, and got {digest}"


async def test_what_a_tag_means_at_this_moment_comes_from_no_memory(
    registry: OciRegistry, server: Registry, world: World, calls: Calls
) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    first = world.images.push(REPOSITORY, tags=["t"], revision="a" * 40, at=at)
    await registry.images(REPOSITORY, ["t"])
    assert await registry.resolve(REPOSITORY, "t") == StoredImage(digest=first.digest, tags=frozenset({"t"}))

    second = world.images.push(REPOSITORY, tags=["t"], revision="b" * 40, at=at)
    assert await registry.resolve(REPOSITORY, "t") == StoredImage(digest=second.digest, tags=frozenset({"t"}))
    assert await registry.resolve(REPOSITORY, first.digest) == StoredImage(digest=first.digest, tags=frozenset())
    world.images.delete(REPOSITORY, "t")
    assert await registry.resolve(REPOSITORY, "t") is None

    number = len(server.requests)
    assert [await registry.resolve(REPOSITORY, wrong) for wrong in ("no tag", "../tags/list", "")] == [None] * 3
    assert len(server.requests) == number
    with pytest.raises(RepositoryUnknown):
        await registry.resolve("nope", "t")
    assert {call for call in calls.seen if call[1] == "resolve"} >= {("registry", "resolve", "ok")}


async def test_every_page_is_read_and_not_one_too_many(
    server: Registry, registry: OciRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.release("prod", "backend")
    server.faults.page = 2
    names = await registry.names(REPOSITORY)
    assert (len(names.pushed), names.complete, asked(server)) == (5, True, ["tags/list"] * 3)

    monkeypatch.setattr(registry_oci, "PAGES", 4)  # the same bound, reached sooner
    server.faults.endless = True
    names = await registry.names("tiketi-auth-service")
    assert (len(names.pushed), names.complete) == (4, False)
    assert len(server.requests) == 3 + 4


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, RegistryForbidden), (429, RegistryBusy), (500, RegistryUnreachable), (503, RegistryUnreachable)],
)
async def test_a_refusal_says_why(
    registry: OciRegistry, server: Registry, calls: Calls, status: int, kind: type[RegistryError]
) -> None:
    server.faults.status = status
    with pytest.raises(kind, match=kind.default) as caught:
        await registry.names(REPOSITORY)
    assert caught.value.log == f"{status}: as the sandbox was told"
    assert calls.seen == [("registry", "names", kind.default)]

    server.faults.status = None  # A failure is not remembered.
    assert (await registry.names(REPOSITORY)).pushed


async def test_a_repository_that_is_not_there(registry: OciRegistry, server: Registry) -> None:
    with pytest.raises(RepositoryUnknown):
        await registry.names("nope")
    server.faults.unknown = True
    with pytest.raises(RepositoryUnknown):
        await registry.images(REPOSITORY, ["latest"])


async def test_a_broken_connection_is_tried_once_more_and_a_slow_answer_is_not(server: Registry) -> None:
    adapter = OciRegistry(url=server.url, timeout=0.2)
    server.faults.down = True
    with pytest.raises(RegistryUnreachable, match="registry_unreachable"):
        await adapter.names(REPOSITORY)
    tries = len(server.requests)
    assert tries > 1
    server.faults.down, server.faults.slow = False, 5.0
    with pytest.raises(RegistryUnreachable) as caught:
        await adapter.names(REPOSITORY)
    assert caught.value.log.endswith("no answer within 0.2 s")
    assert len(server.requests) == tries + 1
    await adapter.aclose()


async def test_a_token_is_fetched_for_each_repository_once(server: Registry, world: World) -> None:
    server.faults.login = LOGIN
    adapter = OciRegistry(url=server.url, username=LOGIN[0], password=lambda: SecretStr(LOGIN[1]))
    await adapter.names(REPOSITORY)
    await adapter.images(REPOSITORY, ["latest", "prod"])
    assert asked(server).count("/token") == 1
    [token] = [request for request in server.requests if request.path == "/token"]
    assert token.query == {"service": "sandbox", "scope": f"repository:{REPOSITORY}:pull"}

    server._tokens.clear()  # The registry was started anew: the token it gave is worth nothing.
    await adapter.images(REPOSITORY, ["staging"])
    assert asked(server).count("/token") == 2
    await adapter.aclose()


async def test_a_password_that_was_changed_is_used_from_then_on(server: Registry) -> None:
    server.faults.login, given = LOGIN, ["wrong"]
    adapter = OciRegistry(url=server.url, username=LOGIN[0], password=lambda: SecretStr(given[-1]))
    with pytest.raises(RegistryForbidden):
        await adapter.names(REPOSITORY)
    given.append(LOGIN[1])
    assert (await adapter.names(REPOSITORY)).pushed
    await adapter.aclose()


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_without_the_right_credentials_it_is_forbidden(server: Registry, password: str | None) -> None:
    server.faults.login = LOGIN
    adapter = OciRegistry(
        url=server.url, username=password and LOGIN[0], password=(lambda: SecretStr(password)) if password else None
    )
    with pytest.raises(RegistryForbidden) as caught:
        await adapter.names(REPOSITORY)
    assert caught.value.log == "no token: 401"
    await adapter.aclose()


async def test_check_says_which_repository_is_missing(registry: OciRegistry) -> None:
    assert await registry.check([REPOSITORY, "tiketi-auth-service"]) == [
        ("Registry", True, "all 2 repositories can be read")
    ]
    [(name, good, text)] = await registry.check([REPOSITORY, "nope"])
    assert (name, good) == ("Registry", False)
    assert text.startswith("nope: registry repository unknown (404: ")


async def test_examining_tells_what_the_protocol_does(registry: OciRegistry, world: World) -> None:
    released = world.release("prod", "backend")
    examined = await registry.examine(REPOSITORY)
    assert f"{examined.newest:%Y%m%d-%H%M%S}" == released.tag[8:]
    assert (examined.images, examined.mutable, examined.policy) == (None, None, None)
