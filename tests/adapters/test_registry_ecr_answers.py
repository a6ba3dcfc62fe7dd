"""Answers of Amazon ECR that moto cannot be told to give: the real client, stubbed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from bot.adapters import registry_ecr
from bot.adapters.registry import RegistryBusy, RegistryError, RegistryForbidden, RegistryUnreachable, RepositoryUnknown
from bot.adapters.registry_ecr import EcrRegistry
from bot.domain.tags import Findings, Names, StoredImage
from tests.amazon import ACCOUNT, REGION

REPOSITORY = "tiketi-backend"
OLD, NEW = "9f8e7d6-20260104-091500", "c0ffee1-20260105-150210"
AT = datetime(2026, 1, 5, 15, 2, 10, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("credentials")


class Stubbed(EcrRegistry):
    """The adapter with a client whose answers are told beforehand, each for exactly one request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(account=ACCOUNT, region=REGION, **options)
        client = boto3.client("ecr", region_name=REGION, config=Config(retries={"max_attempts": 1}))
        self._made = client
        self.stub = Stubber(client)
        self.stub.activate()


@pytest.fixture
async def stubbed() -> AsyncIterator[Stubbed]:
    """That adapter; every answer it was told must have been asked for."""
    adapter = Stubbed()
    yield adapter
    adapter.stub.assert_no_pending_responses()
    await adapter.aclose()


def asking(**more: Any) -> dict[str, Any]:
    """The parameters of a listing."""
    return {"registryId": ACCOUNT, "repositoryName": REPOSITORY, "maxResults": 1000, **more}


def detail(number: int, *tags: str, **more: Any) -> dict[str, Any]:
    """An image as ECR describes it."""
    return {"imageDigest": f"sha256:{number:064}", "imageTags": [*tags], "imagePushedAt": AT, **more}


async def test_every_page_is_read_and_a_thousand_images_at_once(stubbed: Stubbed) -> None:
    stubbed.stub.add_response("describe_images", {"imageDetails": [detail(1, OLD)], "nextToken": "two"}, asking())
    stubbed.stub.add_response("describe_images", {"imageDetails": [detail(2, NEW)]}, asking(nextToken="two"))
    assert await stubbed.names(REPOSITORY) == Names(pushed={OLD: AT, NEW: AT}, complete=True)


async def test_pages_are_bounded_and_that_is_said(stubbed: Stubbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_ecr, "PAGES", 1)  # the same bound, with answers that a test can write down
    stubbed.stub.add_response("describe_images", {"imageDetails": [detail(1, OLD)], "nextToken": "2"}, asking())
    stubbed.stub.add_response("describe_images", {"imageDetails": [detail(2)], "nextToken": "3"}, asking(nextToken="2"))
    assert await stubbed.names(REPOSITORY) == Names(pushed={OLD: AT}, complete=False)


@pytest.mark.parametrize(
    ("scan", "findings"),
    [
        ({"imageScanFindingsSummary": {"findingSeverityCounts": {"CRITICAL": 1, "HIGH": 2, "LOW": 9}}}, (1, 2)),
        ({"imageScanFindingsSummary": {"findingSeverityCounts": {}}}, (0, 0)),
        ({"imageScanFindingsSummary": {}}, (0, 0)),
        ({"imageScanStatus": {"status": "FAILED"}}, None),
        ({}, None),
    ],
)
async def test_findings_come_with_the_listing(
    stubbed: Stubbed, scan: dict[str, Any], findings: tuple[int, int] | None
) -> None:
    stubbed.stub.add_response("describe_images", {"imageDetails": [detail(1, OLD, **scan)]}, asking())
    assert await stubbed.images(REPOSITORY, [OLD]) == (
        StoredImage(
            digest=f"sha256:{1:064}",
            tags=frozenset({OLD}),
            pushed_at=AT,
            findings=Findings(critical=findings[0], high=findings[1]) if findings else None,
        ),
    )


@pytest.mark.parametrize(
    ("media_type", "index"),
    [
        ("application/vnd.oci.image.index.v1+json", True),
        ("application/vnd.docker.distribution.manifest.list.v2+json", True),
        ("application/vnd.docker.distribution.manifest.v2+json", False),
    ],
)
async def test_an_image_for_several_platforms_is_told(stubbed: Stubbed, media_type: str, index: bool) -> None:
    told = {"imageDetails": [detail(1, OLD, imageManifestMediaType=media_type)]}
    one = {"registryId": ACCOUNT, "repositoryName": REPOSITORY, "imageIds": [{"imageTag": OLD}]}
    stubbed.stub.add_response("describe_images", told, one)
    found = await stubbed.resolve(REPOSITORY, OLD)
    assert found == StoredImage(digest=f"sha256:{1:064}", tags=frozenset({OLD}), pushed_at=AT, index=index)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", RegistryBusy),
        ("TooManyRequestsException", RegistryBusy),
        ("AccessDeniedException", RegistryForbidden),
        ("ExpiredTokenException", RegistryForbidden),
        ("UnrecognizedClientException", RegistryForbidden),
        ("RepositoryNotFoundException", RepositoryUnknown),
        ("ServerException", RegistryUnreachable),
    ],
)
async def test_an_error_says_why(stubbed: Stubbed, code: str, kind: type[RegistryError]) -> None:
    stubbed.stub.add_client_error("describe_images", code, "as the stub was told")
    with pytest.raises(kind, match=kind.default) as caught:
        await stubbed.names(REPOSITORY)
    assert "as the stub was told" in caught.value.log


async def test_what_the_role_may_not_read_is_named(stubbed: Stubbed) -> None:
    stubbed.stub.add_response("describe_images", {"imageDetails": [detail(1, OLD)]}, asking())
    for call in ("describe_repositories", "get_lifecycle_policy"):
        stubbed.stub.add_client_error(call, "AccessDeniedException")
    examined = await stubbed.examine(REPOSITORY)
    assert examined.denied == ("ecr:DescribeRepositories", "ecr:GetLifecyclePolicy")
    assert (examined.newest, examined.mutable, examined.policy) == (AT, None, None)


async def test_nobody_waits_longer_than_allowed() -> None:
    adapter = Stubbed(timeout=0.0)
    adapter.stub.add_response("describe_images", {"imageDetails": []}, asking())
    with pytest.raises(RegistryUnreachable) as caught:
        await adapter.names(REPOSITORY)
    assert caught.value.log == "no answer within 0 s"
    await adapter.aclose()
