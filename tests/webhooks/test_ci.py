"""The pipeline's reports: strict, and bound to the run whose token came with them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.catalog import Catalog
from bot.domain.events import Stage, StageReported, StageStatus, Unusable
from bot.webhooks import ci

HEAD = "a1b2c3d" + "0" * 33
TAG = "a1b2c3d-20260822-120000"
DIGEST = f"sha256:{'5' * 64}"
REPORT = {
    "schema": 1,
    "service": "ticket-service",
    "environment": "prod",
    "stage": "push",
    "status": "succeeded",
    "run_id": 9_000_000_001,
    "run_attempt": 2,
    "source_revision": HEAD,
    "at": "2026-08-22T21:00:00+09:00",
    "tag": TAG,
    "digest": DIGEST,
}
CLAIMS = {
    "claim.run_id": "9000000001",
    "claim.run_attempt": "2",
    "claim.sha": HEAD,
    "claim.repository": "ORGANIZATION/project-ticketing",
    "claim.ref": "refs/heads/main",
    "claim.event_name": "push",
}


def read(catalog: Catalog, *, headers: dict[str, str] | None = None, **changes: Any) -> StageReported:
    body = json.dumps({**REPORT, **changes}).encode()
    (event,) = ci.parse({"content-type": "application/json", **(headers or {})}, body, catalog=catalog)
    assert isinstance(event, StageReported)
    return event


def test_a_pushed_image(catalog: Catalog) -> None:
    assert read(catalog) == StageReported(
        service="ticket-service",
        environment="prod",
        run_id=9_000_000_001,
        run_attempt=2,
        source_revision=HEAD,
        stage=Stage.PUSH,
        status=StageStatus.SUCCEEDED,
        at=datetime(2026, 8, 22, 12, tzinfo=UTC),
        tag=TAG,
        digest=DIGEST,
    )


def test_a_scan_and_a_manifest_commit_and_a_failure(catalog: Catalog) -> None:
    plain = {"tag": None, "digest": None}
    scan = read(catalog, stage="scan", critical=0, high=2, **plain)
    assert (scan.critical, scan.high) == (0, 2)
    manifest = read(catalog, stage="manifest", manifest_revision="c" * 40)
    assert manifest.manifest_revision == "c" * 40
    failure = read(
        catalog, stage="build", status="failed", message="npm ERR!\nmore", url="https://x.example/1", **plain
    )
    assert (failure.status, failure.message, failure.url) == (StageStatus.FAILED, "npm ERR!", "https://x.example/1")
    assert read(catalog, stage="push", status="started", **plain).tag is None


def test_what_is_added_later_is_overlooked(catalog: Catalog) -> None:
    assert read(catalog, runner="github-hosted") == read(catalog)


def test_a_message_is_cut_rather_than_refused(catalog: Catalog) -> None:
    assert read(catalog, message="x" * 10_000).message == "x" * 500


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 2}, "schema: Input should be 1"),
        ({"stage": "deploy"}, "stage: Input should be 'build', 'scan', 'push' or 'manifest'"),
        ({"status": "ok"}, "status: Input should be 'started', 'skipped', 'succeeded' or 'failed'"),
        ({"run_id": "9000000001"}, "run_id: Input should be a valid integer"),
        ({"run_id": 2**63}, "run_id: Input should be less than 9223372036854775808"),
        ({"run_attempt": 0}, "run_attempt: Input should be greater than 0"),
        ({"critical": -1}, "critical: Input should be greater than or equal to 0"),
        ({"source_revision": "a1b2c3d"}, "source_revision: String should match pattern '^[0-9a-f]{40}$'"),
        ({"digest": "sha256:abc"}, "digest: String should match pattern '^sha256:[0-9a-f]{64}$'"),
        ({"at": "2026-08-22T12:00:00"}, "at: Value error, must be an RFC 3339 time with its zone"),
        ({"at": 1_787_400_000}, "at: Value error, must be an RFC 3339 time with its zone"),
        ({"at": None, "url": "ftp://x"}, "at: Value error, must be an RFC 3339 time with its zone; "
                                         "url: Value error, must be an http:// or https:// address"),
        ({"url": "https://x.example/ y"}, "url: Value error, must be an http:// or https:// address"),
        ({"service": ""}, "service: String should have at least 1 character"),
        ({"service": "cart-service"}, "There is no such service."),
        ({"environment": "moon"}, "There is no such environment."),
        ({"tag": None}, "report: Value error, the tag that was pushed is missing"),
        ({"tag": "latest"}, "report: Value error, the tag does not name an image of source_revision"),
        ({"tag": "b1b2c3d-20260822-120000"}, "report: Value error, the tag does not name an image of source_revision"),
    ],
)  # fmt: skip
def test_a_report_that_does_not_fit_is_unusable_and_says_where(
    catalog: Catalog, changes: dict[str, Any], reason: str
) -> None:
    assert read(catalog).run_attempt == 2
    with pytest.raises(Unusable) as caught:
        read(catalog, **changes)
    assert str(caught.value) == reason


def test_a_report_about_the_run_of_its_token_is_accepted(catalog: Catalog) -> None:
    assert read(catalog, headers=CLAIMS) == read(catalog)


@pytest.mark.parametrize(
    ("claim", "value", "reason"),
    [
        ("run_id", "9000000002", "The report and the token's run_id disagree."),
        ("run_attempt", "1", "The report and the token's run_attempt disagree."),
        ("sha", "b" * 40, "The report and the token's sha disagree."),
        ("sha", "", "The report and the token's sha disagree."),
        ("repository", "mallory/project-ticketing", "The token belongs to another repository."),
        ("ref", "refs/heads/feature/seats", "The token's ref is not the branch of that environment."),
        ("ref", "refs/heads/develop", "The token's ref is not the branch of that environment."),
        ("ref", "refs/tags/main", "The token's ref is not the branch of that environment."),
        ("ref", "main", "The token's ref is not the branch of that environment."),
        ("ref", "", "The token's ref is not the branch of that environment."),
    ],
)
def test_a_report_about_another_run_is_unusable(catalog: Catalog, claim: str, value: str, reason: str) -> None:
    with pytest.raises(Unusable) as caught:
        read(catalog, headers={**CLAIMS, f"claim.{claim}": value})
    assert str(caught.value) == reason


def test_a_run_that_was_started_by_hand_may_build_for_the_environment_that_was_chosen(catalog: Catalog) -> None:
    elsewhere = {**CLAIMS, "claim.ref": "refs/heads/feature/seats"}
    by_hand = {**elsewhere, "claim.event_name": "workflow_dispatch"}
    taken_in_earlier = {name: value for name, value in elsewhere.items() if name != "claim.event_name"}
    for headers in (by_hand, taken_in_earlier, {}):
        assert read(catalog, headers=headers) == read(catalog)
    for event in ("schedule", "repository_dispatch", "workflow_run", ""):
        with pytest.raises(Unusable, match="ref is not the branch"):
            read(catalog, headers={**elsewhere, "claim.event_name": event})
    develop = {**CLAIMS, "claim.ref": "refs/heads/develop"}
    for environment in ("dev", "staging"):
        assert read(catalog, headers=develop, environment=environment).environment == environment
