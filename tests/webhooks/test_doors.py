"""What each request is answered, and what stays behind of it."""

import asyncio
import json
from hashlib import sha256

import pytest

from bot.storage.deliveries import Delivery
from bot.storage.engine import Database
from tests.webhooks.doors import ARGOCD, CI, NOON, OLD, Answer, Doors, opened, sign

BODY = b'{"ref": "refs/heads/main"}'


def accepted(answer: Answer) -> bool:
    return (answer.status, answer.body) == (202, {"status": "accepted"})


def refused(answer: Answer, status: int, reason: str) -> bool:
    return (answer.status, answer.body) == (status, {"status": "refused", "reason": reason})


async def test_a_signed_delivery_is_kept_as_it_came(doors: Doors) -> None:
    assert accepted(await doors.github(BODY, event="push", delivery="one"))
    assert await doors.stored() == [
        Delivery(
            id=1,
            source="github",
            key="42:one",
            headers={"event": "push", "content-type": "application/json"},
            body=BODY,
            received_at=NOON,
            attempts=0,
        )
    ]
    assert doors.outcomes == [("github", "accepted")]


async def test_the_older_secret_is_good_while_it_is_being_replaced(doors: Doors) -> None:
    assert accepted(await doors.github(BODY, secret=OLD))


async def test_a_ping_and_an_unknown_event_are_kept_too(doors: Doors) -> None:
    assert accepted(await doors.github(b'{"zen": "Design for failure."}', event="ping"))
    assert accepted(await doors.github(b"{}", event="something_of_next_year"))
    assert [delivery.headers["event"] for delivery in await doors.stored()] == ["ping", "something_of_next_year"]


async def test_a_form_is_kept_as_it_was_signed(doors: Doors) -> None:
    body = b"payload=%7B%22ref%22%3A+%22refs%2Fheads%2Fmain%22%7D"
    content_type = "application/x-www-form-urlencoded; charset=utf-8"
    assert accepted(await doors.github(body, headers={"Content-Type": content_type}))
    (stored,) = await doors.stored()
    assert stored.body == body
    assert stored.headers == {"event": "push", "content-type": "application/x-www-form-urlencoded"}


async def test_bytes_that_are_no_json_are_kept_for_whoever_reads_them(doors: Doors) -> None:
    assert accepted(await doors.github(b"\xff{not json"))
    assert [delivery.body for delivery in await doors.stored()] == [b"\xff{not json"]


async def test_a_repeat_is_answered_alike_and_kept_once(doors: Doors) -> None:
    assert accepted(await doors.github(BODY, delivery="one"))
    again = await doors.github(BODY, delivery="one")
    assert (again.status, again.body) == (202, {"status": "repeated"})
    assert len(await doors.stored()) == 1
    assert doors.outcomes == [("github", "accepted"), ("github", "repeated")]


async def test_the_same_event_through_another_hook_is_another_delivery(doors: Doors) -> None:
    assert accepted(await doors.github(BODY, delivery="one"))
    assert accepted(await doors.github(BODY, delivery="one", headers={"X-GitHub-Hook-ID": "43"}))
    assert accepted(await doors.github(BODY, delivery="one", headers={"X-GitHub-Hook-ID": None}))
    assert [delivery.key for delivery in await doors.stored()] == ["42:one", "43:one", "-:one"]


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (None, "X-Hub-Signature-256 is missing"),
        (sign(BODY, "guessed"), "X-Hub-Signature-256 does not sign this body"),
        ("sha256=schlüssel", "X-Hub-Signature-256 does not sign this body"),
    ],
)
async def test_who_does_not_sign_is_refused(doors: Doors, signature: str | None, reason: str) -> None:
    assert accepted(await doors.github(BODY))
    assert refused(await doors.github(BODY, headers={"X-Hub-Signature-256": signature}), 401, reason)
    assert len(await doors.stored()) == 1
    assert doors.outcomes == [("github", "accepted"), ("github", "refused")]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-GitHub-Event": None}, "X-GitHub-Event is missing"),
        ({"X-GitHub-Delivery": None}, "X-GitHub-Delivery is missing"),
        ({"X-GitHub-Event": "e" * 65}, "X-GitHub-Event must be at most 64 printable ASCII characters"),
        ({"X-GitHub-Delivery": "d" * 129}, "X-GitHub-Delivery must be at most 128 printable ASCII characters"),
        ({"X-GitHub-Delivery": "größe"}, "X-GitHub-Delivery must be at most 128 printable ASCII characters"),
        (
            {"X-GitHub-Delivery": "d" * 128},
            "X-GitHub-Hook-ID with X-GitHub-Delivery must be at most 128 printable ASCII characters",
        ),
    ],
)
async def test_a_delivery_without_a_usable_name_is_refused(
    doors: Doors, headers: dict[str, str | None], reason: str
) -> None:
    assert accepted(await doors.github(BODY, delivery="d" * 125))
    assert refused(await doors.github(BODY, headers=headers), 400, reason)
    assert len(await doors.stored()) == 1


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/form-data; boundary=x"])
async def test_another_content_type_is_refused(doors: Doors, content_type: str | None) -> None:
    answer = await doors.github(BODY, headers={"Content-Type": content_type})
    reason = "Content-Type must be one of: application/json, application/x-www-form-urlencoded"
    assert refused(answer, 415, reason)


async def test_argo_cd_gets_in_with_its_token_only(doors: Doors) -> None:
    assert accepted(await doors.report("argocd", b'{"schema": 1}', token=ARGOCD))
    reason = "the bearer token is missing or wrong"
    assert refused(await doors.report("argocd", b'{"schema": 1}', token=CI), 401, reason)
    assert refused(await doors.post("argocd", b"{}", {"Content-Type": "application/json"}), 401, reason)
    (stored,) = await doors.stored()
    assert stored.source == "argocd"
    assert stored.key == f"{sha256(stored.body).hexdigest()}:{NOON.timestamp():.0f}"


async def test_the_pipeline_gets_in_with_its_token_and_repeats_itself_without_harm(doors: Doors) -> None:
    assert accepted(await doors.report("ci", b'{"stage": "build"}', token=CI))
    assert (await doors.report("ci", b'{"stage": "build"}', token=CI)).body == {"status": "repeated"}
    assert accepted(await doors.report("ci", b'{"stage": "scan"}', token=CI))
    assert refused(await doors.report("ci", b"{}", token=ARGOCD), 401, "the bearer token is missing or wrong")
    assert [delivery.headers for delivery in await doors.stored()] == [{"content-type": "application/json"}] * 2


async def test_a_door_without_a_secret_is_shut(database: Database) -> None:
    async with opened(database, github=(), argocd=None, ci=None) as doors:
        signed = await doors.github(BODY, secret="")
        assert refused(signed, 401, "no secret is configured for GitHub webhooks")
        assert refused(await doors.report("argocd", b"{}", token=""), 401, "no token is configured for Argo CD")
        reason = "neither a token nor OIDC is configured for the pipeline"
        assert refused(await doors.report("ci", b"{}", token=""), 401, reason)
        assert await doors.stored() == []


async def test_what_is_not_there_is_said_in_json(doors: Doors) -> None:
    assert refused(await doors.request("POST", "/webhooks/gitlab"), 404, "Not Found")
    wrong = await doors.request("GET", "/webhooks/github")
    assert refused(wrong, 405, "Method Not Allowed")
    assert wrong.headers["Allow"] == "POST"


async def test_windows(doors: Doors) -> None:
    alive = await doors.request("GET", "/healthz")
    assert (alive.status, alive.body) == (200, {"status": "alive", "schema": "1"})
    ready = await doors.request("GET", "/readyz")
    assert (ready.status, ready.body) == (200, {"status": "ready"})
    doors.missing["discord"] = "not connected"
    unready = await doors.request("GET", "/readyz")
    assert (unready.status, unready.body) == (503, {"status": "not ready", "missing": {"discord": "not connected"}})
    async with doors.session.get(f"{doors.url}/metrics") as metrics:
        assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await metrics.text() == "up 1\n"


async def test_a_body_that_breaks_off_leaves_nothing(doors: Doors) -> None:
    host, port = doors.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /webhooks/argocd HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ARGOCD}\r\nExpect: 100-continue\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b'{"schema": ')
    writer.close()
    await writer.wait_closed()
    await asyncio.wait_for(doors.heard.wait(), 5)
    assert doors.outcomes == [("argocd", "refused")]
    assert await doors.stored() == []


async def test_an_error_nobody_thought_of_is_logged_and_never_a_500(
    doors: Doors, capsys: pytest.CaptureFixture[str]
) -> None:
    # A readiness probe that answers what JSON cannot say stands for any mistake in the program.
    doors.missing["discord"] = b"not text"  # type: ignore[assignment]
    answer = await doors.request("GET", "/readyz")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.body["status"] == "failed"
    incident = answer.body["reason"].removeprefix("an unexpected error, logged under ")
    assert len(incident) == 32
    assert incident in capsys.readouterr().out


async def test_answers_are_one_line(doors: Doors) -> None:
    async with doors.session.post(f"{doors.url}/webhooks/github") as response:
        text = await response.text()
    assert json.loads(text)["status"] == "refused"
    assert "\n" not in text
