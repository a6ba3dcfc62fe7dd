"""Amazon ECR: the real client against moto."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bot.adapters import registry_ecr
from bot.adapters.registry import RegistryBusy, RegistryForbidden, RegistryUnreachable, RepositoryUnknown
from bot.adapters.registry_ecr import EcrRegistry
from bot.domain.lifecycle import Policy
from tests import amazon
from tests.adapters.conftest import Calls
from tests.amazon import ACCOUNT, REGION

REPOSITORY = "tiketi-backend"
OLD, NEW = "9f8e7d6-20260104-091500", "c0ffee1-20260105-150210"
NOBODY = "http://127.0.0.1:9"

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of AWS as moto plays it."""
    with amazon.served() as url:
        yield url


@pytest.fixture
def aws(moto: str) -> Iterator[Any]:
    """What the pipeline uses: an ECR with one empty repository."""
    with amazon.repository(moto, REPOSITORY) as client:
        yield client


def push(client: Any, *tags: str) -> str:
    """Push one image under these tags; its digest."""
    return amazon.push(client, REPOSITORY, *tags)


@pytest.fixture
async def registry(moto: str, calls: Calls) -> AsyncIterator[EcrRegistry]:
    """The adapter."""
    adapter = EcrRegistry(account=ACCOUNT, region=REGION, endpoint_url=moto, observe=calls)
    yield adapter
    await adapter.aclose()


async def test_names_and_images(aws: Any, registry: EcrRegistry, calls: Calls) -> None:
    old, new = push(aws, OLD), push(aws, NEW, "latest", "prod")

    names = await registry.names(REPOSITORY)
    assert set(names.pushed) == {OLD, NEW, "latest", "prod"}
    assert names.complete
    assert all(at is not None and at.tzinfo for at in names.pushed.values())

    found = {image.digest: image for image in await registry.images(REPOSITORY, [OLD, "prod", "nope"])}
    assert {digest: image.tags for digest, image in found.items()} == {
        old: {OLD},
        new: {NEW, "latest", "prod"},
    }
    [by_digest] = await registry.images(REPOSITORY, [new])
    assert (by_digest.digest, by_digest.findings) == (new, None)
    assert calls.seen == [("registry", "images", "ok")]


async def test_what_a_tag_means_at_this_moment_comes_from_no_memory(
    aws: Any, registry: EcrRegistry, calls: Calls
) -> None:
    first = push(aws, OLD, "t")
    await registry.images(REPOSITORY, ["t"])
    second = push(aws, NEW)
    manifest = aws.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": NEW}])["images"][0]
    aws.put_image(repositoryName=REPOSITORY, imageManifest=manifest["imageManifest"], imageTag="t")

    resolved = [await registry.resolve(REPOSITORY, reference) for reference in ("t", OLD, first, "nope")]
    assert [image and image.digest for image in resolved] == [second, first, first, None]
    assert calls.seen == [("registry", "images", "ok"), *[("registry", "resolve", "ok")] * 4]
    with pytest.raises(RepositoryUnknown):
        await registry.resolve("nope", "t")


async def test_a_repository_that_is_not_there(aws: Any, registry: EcrRegistry) -> None:
    with pytest.raises(RepositoryUnknown):
        await registry.names("nope")
    assert await registry.check([REPOSITORY]) == [("Registry", True, "all 1 repositories can be read")]
    [(name, good, text)] = await registry.check([REPOSITORY, "nope"])
    assert (name, good) == ("Registry", False)
    assert text.startswith("nope: registry repository unknown (An error occurred (RepositoryNotFoundException)")


async def test_examining_tells_what_can_be_overwritten_and_what_is_deleted(aws: Any, registry: EcrRegistry) -> None:
    digest = push(aws, NEW)
    bare = await registry.examine(REPOSITORY)
    assert (bare.mutable, bare.policy, bare.denied) == (True, Policy(rules=()), ())
    assert [image.digest for image in bare.images or ()] == [digest]
    assert bare.newest == (bare.images or ())[0].pushed_at

    amazon.keep(aws, REPOSITORY, 30)
    aws.put_image_tag_mutability(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    kept = await registry.examine(REPOSITORY)
    assert kept.mutable is False
    assert kept.policy is not None
    assert [rule.number for rule in kept.policy.rules] == [30]


async def test_nobody_answers_and_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = EcrRegistry(account=ACCOUNT, region=REGION, endpoint_url=NOBODY, timeout=20)
    with pytest.raises(RegistryUnreachable) as caught:
        await adapter.names(REPOSITORY)
    assert "EndpointConnectionError" in caught.value.log
    await adapter.aclose()

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    adapter = EcrRegistry(account=ACCOUNT, region=REGION, endpoint_url=NOBODY)
    with pytest.raises(RegistryForbidden) as caught_too:
        await adapter.names(REPOSITORY)
    assert "NoCredentialsError" in caught_too.value.log
    await adapter.aclose()


async def test_throttling_is_tried_again_by_the_client_and_then_said(moto: str) -> None:
    """The client as the adapter makes it: three tries, with its own short pauses."""
    adapter = EcrRegistry(account=ACCOUNT, region=REGION, endpoint_url=moto)
    client = adapter._client()
    config = client.meta.config
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)
    assert (config.connect_timeout, config.read_timeout) == (3, 8)
    tries: list[int] = []

    def throttled(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        tries.append(1)

        class Raw:
            def stream(self, **_: Any) -> Iterator[bytes]:
                yield b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'

        return AWSResponse(request.url, 400, {"Content-Type": "application/x-amz-json-1.1"}, Raw())

    client.meta.events.register("before-send.ecr.DescribeImages", throttled)
    with pytest.raises(RegistryBusy) as caught:
        await adapter.names(REPOSITORY)
    assert "ThrottlingException" in caught.value.log
    assert len(tries) == 3
    await adapter.aclose()


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("123456789012.dkr.ecr.ap-northeast-2.amazonaws.com", (ACCOUNT, REGION)),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", (ACCOUNT, "us-east-1")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", (ACCOUNT, "cn-north-1")),
        ("123456789012.dkr-ecr.ap-northeast-2.on.aws", (ACCOUNT, REGION)),
        ("public.ecr.aws", None),
        ("123456789012.dkr.ecr.ap-northeast-2.amazonaws.com.evil.test", None),
        ("ghcr.io", None),
    ],
)
def test_which_hosts_are_ecr(host: str, place: tuple[str, str] | None) -> None:
    assert registry_ecr.place(host) == place
