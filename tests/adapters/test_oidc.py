"""Tokens of workflow runs: which prove something, which do not, and how often the issuer is asked for its keys."""

import base64
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from aiohttp import web

from bot.adapters.oidc import KeysUnavailable, OidcVerifier, TokenInvalid
from sandbox.oidc import AUDIENCE, KEY_ID, Oidc, private_key
from sandbox.world import World
from tests.adapters.conftest import Calls

REPOSITORY = "ORGANIZATION/project-ticketing"
REPOSITORY_ID = "700000001"


class Scripted(Oidc):
    """The issuer; while `answers` last, they are given in place of its own."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.answers: list[web.Response] = []

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        return self.answers.pop(0) if self.answers else None


class Clock:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer(world: World) -> AsyncIterator[Scripted]:
    """GitHub's OIDC issuer."""
    async with Scripted(world) as issuer:
        yield issuer


@pytest.fixture
def clock() -> Clock:
    """The verifier's clock."""
    return Clock()


@pytest.fixture
async def verifier(issuer: Scripted, clock: Clock, calls: Calls) -> AsyncIterator[OidcVerifier]:
    """The verifier of the packaged topology's repository."""
    verifier = OidcVerifier(
        issuer=issuer.url,
        audience=AUDIENCE,
        repository=REPOSITORY,
        repository_id=REPOSITORY_ID,
        monotonic=clock,
        observe=calls,
    )
    yield verifier
    await verifier.aclose()


async def refusal(verifier: OidcVerifier, token: str) -> str:
    with pytest.raises(TokenInvalid) as caught:
        await verifier.verify(token)
    return caught.value.sentence


async def test_a_run_proves_who_it_is_as_often_as_it_reports(
    verifier: OidcVerifier, issuer: Scripted, calls: Calls
) -> None:
    token = issuer.token(run_id="4711")
    claims = await verifier.verify(token)
    assert (claims["repository"], claims["run_id"], claims["event_name"]) == (REPOSITORY, "4711", "push")
    assert await verifier.verify(token) == claims
    assert [request.path for request in issuer.requests] == ["/.well-known/jwks"]
    assert calls.seen == [("oidc", "keys", "ok")]


def moved(**claims: Any) -> dict[str, Any]:
    """The claims with their times, given in seconds from now, as moments. Now is when the test runs."""
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if claims.get(name) is not None}
    return claims | {name: int(time.time()) + seconds for name, seconds in times.items()}


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"aud": "somebody-else"}, "The token is meant for somebody else: its audience is not this bot's."),
        ({"iss": "https://issuer.example.com"}, "The token comes from another issuer."),
        ({"exp": -60}, "The token has expired."),
        ({"nbf": 300}, "The token is not valid yet."),
        ({"iat": 300}, "The token is not valid yet."),
        ({"iat": -900}, "The token was issued too long ago; ask for a new one for each report."),
        *(({name: None}, "The token lacks a claim that is needed.") for name in ("aud", "exp", "iat", "iss", "jti")),
        ({"nbf": None}, "The token lacks a claim that is needed."),
        ({"repository": "somebody/project-ticketing"}, "The token belongs to another repository."),
        ({"repository": None}, "The token belongs to another repository."),
        ({"repository_id": "1"}, "The token belongs to another repository of this name."),
        ({"repository_id": None}, "The token belongs to another repository of this name."),
        ({"event_name": "pull_request"}, "Runs of pull requests may not report."),
        ({"event_name": "pull_request_target"}, "Runs of pull requests may not report."),
        ({"event_name": None}, "Runs of pull requests may not report."),
    ],
)
async def test_a_claim_that_is_wrong_is_refused(
    verifier: OidcVerifier, issuer: Scripted, claims: dict[str, Any], sentence: str
) -> None:
    assert await refusal(verifier, issuer.token(**moved(**claims))) == sentence
    assert await verifier.verify(issuer.token())


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": -20},
        {"nbf": 20, "iat": 20},
        {"iat": -590},
        {"sub": "repo:ORGANIZATION-12/project-ticketing-34:ref:refs/heads/main"},
        {"repository": REPOSITORY.lower()},
        {"event_name": "workflow_dispatch"},
        {"aud": [AUDIENCE, "another"]},
    ],
)
async def test_what_does_not_matter_is_let_through(
    verifier: OidcVerifier, issuer: Scripted, claims: dict[str, Any]
) -> None:
    assert await verifier.verify(issuer.token(**moved(**claims)))


async def test_without_an_id_the_name_decides(issuer: Scripted) -> None:
    verifier = OidcVerifier(issuer=issuer.url, audience=AUDIENCE, repository=REPOSITORY, repository_id=None)
    assert await verifier.verify(issuer.token(repository_id="1"))
    assert await refusal(verifier, issuer.token(repository="a/b")) == "The token belongs to another repository."
    await verifier.aclose()


async def test_the_age_that_is_allowed_can_be_chosen(issuer: Scripted) -> None:
    verifier = OidcVerifier(
        issuer=issuer.url,
        audience=AUDIENCE,
        repository=REPOSITORY,
        repository_id=None,
        longest_age=timedelta(hours=1),
    )
    assert await verifier.verify(issuer.token(**moved(iat=-3500)))
    assert await refusal(verifier, issuer.token(**moved(iat=-3700)))
    await verifier.aclose()


async def test_a_signature_of_another_key_is_refused(verifier: OidcVerifier, issuer: Scripted) -> None:
    assert await refusal(verifier, issuer.token(key="forger")) == "The token's signature is wrong."
    assert await verifier.verify(issuer.token())


async def test_a_public_key_is_no_secret(verifier: OidcVerifier, issuer: Scripted) -> None:
    """The old trick: sign with HMAC, taking the published key for the secret; or do not sign at all."""
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    secret = jwt.encode(claims, "x" * 64, algorithm="HS256", headers={"kid": KEY_ID})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": KEY_ID})
    other = jwt.encode(claims, private_key("oidc"), algorithm="PS256", headers={"kid": KEY_ID})
    for token in (secret, unsigned, other):
        assert await refusal(verifier, token) == "The token is not signed with RS256."


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ghp_0000", "é.é.é", "{}.{}.{}"])
async def test_what_is_no_token_is_refused_without_asking_anybody(
    verifier: OidcVerifier, issuer: Scripted, token: str
) -> None:
    assert await refusal(verifier, token) == "This is no JSON Web Token."
    assert issuer.requests == []


async def test_a_token_that_is_too_long_is_not_looked_at(verifier: OidcVerifier, issuer: Scripted) -> None:
    assert await refusal(verifier, issuer.token(padding="x" * 20_000)) == "The token is too long."
    assert issuer.requests == []


async def test_a_payload_that_is_no_object_is_refused(verifier: OidcVerifier) -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    assert await refusal(verifier, f"{part({'alg': 'RS256', 'kid': KEY_ID})}.{part([])}.{part('')}")


async def test_unknown_keys_ask_the_issuer_once_in_a_while(
    verifier: OidcVerifier, issuer: Scripted, clock: Clock
) -> None:
    for number in range(20):
        token = issuer.token(key_id=f"made-up-{number}")
        assert await refusal(verifier, token) == "The token is signed with an unknown key."
    assert len(issuer.requests) == 1
    assert await verifier.verify(issuer.token())
    clock.now += 31
    assert await refusal(verifier, issuer.token(key_id="made-up"))
    assert len(issuer.requests) == 2


async def test_keys_are_fetched_again_after_an_hour(verifier: OidcVerifier, issuer: Scripted, clock: Clock) -> None:
    assert await verifier.verify(issuer.token())
    clock.now += 3599
    assert await verifier.verify(issuer.token())
    assert len(issuer.requests) == 1
    clock.now += 2
    assert await verifier.verify(issuer.token())
    assert len(issuer.requests) == 2


async def test_without_keys_nobody_is_believed_until_they_can_be_had(
    verifier: OidcVerifier, issuer: Scripted, clock: Clock, calls: Calls
) -> None:
    issuer.answers = [web.Response(status=503)]
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await verifier.verify(issuer.token())
    assert calls.seen == [("oidc", "keys", "github_unreachable")]
    clock.now += 31
    assert await verifier.verify(issuer.token())


async def test_known_keys_serve_while_the_issuer_is_down(
    verifier: OidcVerifier, issuer: Scripted, clock: Clock
) -> None:
    assert await verifier.verify(issuer.token())
    token = issuer.token()
    await issuer.stop()
    clock.now += 60
    with pytest.raises(KeysUnavailable):
        await verifier.verify(issuer.token(key_id="rotated", iss="x"))
    assert await verifier.verify(token)


@pytest.mark.parametrize(
    "text",
    ["<html>", "[]", "{}", '{"keys": 1}', "x" * 300_000, "[" * 100_000],
    ids=["page", "list", "empty", "number", "huge", "deep"],
)
async def test_what_is_no_key_set_is_no_answer(verifier: OidcVerifier, issuer: Scripted, text: str) -> None:
    issuer.answers = [web.Response(text=text)]
    with pytest.raises(KeysUnavailable):
        await verifier.verify(issuer.token())


async def test_keys_of_other_kinds_are_passed_over(verifier: OidcVerifier, issuer: Scripted) -> None:
    broken = {"kty": "RSA", "kid": KEY_ID, "n": "?", "e": "AQAB"}
    issuer.answers = [web.json_response({"keys": [1, {"kty": "EC", "kid": KEY_ID}, broken, {"kty": "RSA"}]})]
    assert await refusal(verifier, issuer.token()) == "The token is signed with an unknown key."
