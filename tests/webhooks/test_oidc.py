"""The pipeline at the door with a token of its issuer, and what of the token stays beside the report."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.adapters.oidc import OidcVerifier
from bot.domain.catalog import Catalog
from bot.domain.events import StageReported, Unusable
from bot.storage.engine import Database
from bot.topology import Topology
from bot.webhooks import ci
from sandbox.oidc import AUDIENCE, Oidc
from sandbox.world import World
from tests.webhooks.doors import CI, Doors, opened

RUN_ID = 9_000_000_000


@pytest.fixture
async def issuer(topology: Topology) -> AsyncIterator[Oidc]:
    """An issuer whose tokens are of the present, since the verifier looks at the real clock."""
    async with Oidc(World(topology)) as server:
        yield server


@pytest.fixture
async def verifier(issuer: Oidc, topology: Topology) -> AsyncIterator[OidcVerifier]:
    made = OidcVerifier(issuer=issuer.url, audience=AUDIENCE, repository=topology.repository, repository_id=None)
    yield made
    await made.aclose()


@pytest.fixture
async def doors(database: Database, verifier: OidcVerifier) -> AsyncIterator[Doors]:
    """Doors that take tokens of the issuer, and the shared one."""
    async with opened(database, verify_oidc=verifier.verify) as running:
        yield running


def report(source_revision: str, **changes: Any) -> bytes:
    body = {
        "schema": 1,
        "service": "backend",
        "environment": "prod",
        "stage": "build",
        "status": "started",
        "run_id": RUN_ID,
        "run_attempt": 1,
        "source_revision": source_revision,
        "at": "2026-08-22T12:00:00Z",
    }
    return json.dumps({**body, **changes}).encode()


async def test_a_token_of_the_issuer_lets_a_report_about_its_run_in(
    doors: Doors, issuer: Oidc, catalog: Catalog
) -> None:
    sha = "ab" * 20
    answer = await doors.report("ci", report(sha), token=issuer.token(sha=sha))
    assert (answer.status, answer.body) == (202, {"status": "accepted"})
    (stored,) = await doors.stored()
    assert stored.headers == {
        "content-type": "application/json",
        "claim.event_name": "push",
        "claim.repository": "ORGANIZATION/project-ticketing",
        "claim.ref": "refs/heads/main",
        "claim.run_attempt": "1",
        "claim.run_id": str(RUN_ID),
        "claim.sha": sha,
    }
    (event,) = ci.parse(stored.headers, stored.body, catalog=catalog)
    assert isinstance(event, StageReported)
    assert (event.run_id, event.source_revision) == (RUN_ID, sha)


async def test_a_report_about_another_run_is_kept_and_does_not_stand_in_for_the_right_one(
    doors: Doors, issuer: Oidc, catalog: Catalog
) -> None:
    sha = "ab" * 20
    for run_id in ("1", str(RUN_ID)):
        answer = await doors.report("ci", report(sha), token=issuer.token(sha=sha, run_id=run_id))
        assert answer.body == {"status": "accepted"}
    wrong, right = await doors.stored()
    with pytest.raises(Unusable):
        ci.parse(wrong.headers, wrong.body, catalog=catalog)
    assert ci.parse(right.headers, right.body, catalog=catalog)


async def test_the_shared_token_is_good_beside_oidc(doors: Doors) -> None:
    assert (await doors.report("ci", report("ab" * 20), token=CI)).status == 202
    (stored,) = await doors.stored()
    assert stored.headers == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "somebody-else"}, "The token is meant for somebody else: its audience is not this bot's."),
        ({"repository": "mallory/project-ticketing"}, "The token belongs to another repository."),
        ({"event_name": "pull_request"}, "Runs of pull requests may not report."),
        ({"key": "mallory's"}, "The token's signature is wrong."),
    ],
)
async def test_any_other_token_is_refused_with_the_reason(
    doors: Doors, issuer: Oidc, claims: dict[str, Any], reason: str
) -> None:
    assert (await doors.report("ci", b"{}", token=issuer.token())).status == 202
    answer = await doors.report("ci", b"{}", token=issuer.token(**claims))
    assert (answer.status, answer.body) == (401, {"status": "refused", "reason": reason})
    assert len(await doors.stored()) == 1


@pytest.mark.parametrize("token", ["", "guess", "a.b.c", "ä.b.c"])
async def test_what_is_no_token_is_refused(doors: Doors, token: str) -> None:
    assert (await doors.report("ci", b"{}", token=token)).status == 401


async def test_an_issuer_that_is_away_is_not_the_pipelines_fault(doors: Doors, issuer: Oidc) -> None:
    token = issuer.token()
    await issuer.stop()
    answer = await doors.report("ci", b"{}", token=token)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.body == {"status": "failed", "reason": "The keys of the token's issuer cannot be read now."}
    assert doors.outcomes == [("ci", "unverified")]
    assert await doors.stored() == []
