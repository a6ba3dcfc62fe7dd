"""Secrets in lines are hidden where they are, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.masking import HIDDEN, LONGEST_KEY, masked, masked_answer, masked_lines

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"token is {JWT}", f"token is {HIDDEN}"),
        ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {HIDDEN}"),
        ("Authorization: abcdefgh12345", f"Authorization: {HIDDEN}"),
        ("using Bearer abcdefgh12345 now", f"using Bearer {HIDDEN} now"),
        ("push with ghp_" + "a" * 36, f"push with {HIDDEN}"),
        ("push with github_pat_" + "a" * 40, f"push with {HIDDEN}"),
        ("key AKIAIOSFODNN7EXAMPLE used", f"key {HIDDEN} used"),
        ("hook https://discord.com/api/webhooks/1/abcdefghijkl", f"hook {HIDDEN}"),
        ("postgres://me:hunter2@db:5432/x", f"postgres://me:{HIDDEN}@db:5432/x"),
        ("DB_PASSWORD=hunter2 next=1", f"DB_PASSWORD={HIDDEN} next=1"),
        ('{"api_key":"abc","user":"me"}', f'{{"api_key":"{HIDDEN}","user":"me"}}'),
        ("secret: swordfish", f"secret: {HIDDEN}"),
        ("Set-Cookie: sid=1; Path=/", f"Set-Cookie: {HIDDEN}; Path=/"),
        (r"{\"user\":\"me\",\"password\":\"hunter2\"}", rf"{{\"user\":\"me\",\"password\":\"{HIDDEN}\"}}"),
        ("DB_PASS=hunter2", f"DB_PASS={HIDDEN}"),
        ("pass: hunter2", f"pass: {HIDDEN}"),
        ("ENCRYPTION_KEY=abc JWT_SIGNING_KEY=def", f"ENCRYPTION_KEY={HIDDEN} JWT_SIGNING_KEY={HIDDEN}"),
        ("charge with sk_live_" + "a" * 24, f"charge with {HIDDEN}"),
        ("clone with glpat-" + "a" * 20, f"clone with {HIDDEN}"),
        ("publish with npm_" + "a" * 36, f"publish with {HIDDEN}"),
        ("map AIza" + "a" * 35, f"map {HIDDEN}"),
        ("GET /?session=abcdef0123456789&x=1", f"GET /?session={HIDDEN}&x=1"),
        ("card 4111 1111 1111 1111 declined", f"card {HIDDEN} declined"),
        ("card:4111-1111-1111-1111, declined", f"card:{HIDDEN}, declined"),
        ('{"pan":"5555555555554444"}', f'{{"pan":"{HIDDEN}"}}'),
        ("amex 3782 822463 10005.", f"amex {HIDDEN}."),
        ("mastercard 2223003122003222", f"mastercard {HIDDEN}"),
        ("-----BEGIN RSA PRIVATE KEY-----MIIE", HIDDEN),
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: str, shown: str) -> None:
    assert masked(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        "GET /health 200 2 ms",
        "Error: connect ECONNREFUSED 10.20.3.14:5432",
        "order 4111111111111112 paid",  # no payment card: the sum is wrong
        "image: 123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/tiketi-backend:a1b2c3d-20260105-143022",
        # The sums of these five pass, but no network numbers its cards so.
        "image: ghcr.io/cchriscode/tiketi-backend:f2cd0d3-20261127-193328",
        "built at 20261127-183329",
        "at 1764270000004 ms",
        "ratio 0.4111111111111111",
        "4111 11111111-1111 requests",
        "2026-11-27T15:23:31.123Z INFO tokens: ",
        "예매가 완료되었습니다",
        "tests passed: 3",
        "compass: north, bypass=on",
        "  secretName: tiketi-tls",
        "automountServiceAccountToken: false",
        "session: opened for root",
        "commit 5f0c9d1e6a0b4a7f2d3c8b9e1f00aa11bb22cc33",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert masked(line) == line


@given(st.text(max_size=200))
def test_masking_twice_is_masking_once(line: str) -> None:
    assert masked(masked(line)) == masked(line)


@pytest.mark.parametrize("piece", ["password", "a", "://", "eyJ", "4 ", '"', "password=", "Bearer ", "-----BEGIN "])
def test_a_hostile_line_costs_no_more_than_its_length(piece: str) -> None:
    # Under a pattern that goes back and forth this would not end within the suite's own time-out.
    assert isinstance(masked(piece * (100_000 // len(piece))), str)


KEY = [letter * 64 for letter in "abc"]


@pytest.mark.parametrize("margin", ["", "+    ", "-  "])
def test_a_private_key_is_hidden_to_its_end(margin: str) -> None:
    lines = ["before", "-----BEGIN RSA PRIVATE KEY-----", *KEY, "-----END RSA PRIVATE KEY-----", "after"]
    shown = masked_lines(f"{margin}{line}" for line in lines)
    assert shown == [f"{margin}before", *[f"{margin}{HIDDEN}"] * 5, f"{margin}after"]
    assert masked_lines(shown) == shown


def test_a_private_key_without_its_beginning_is_known_by_its_end() -> None:
    shown = masked_lines(["listening on :3000", *KEY, "-----END PRIVATE KEY-----", "after"])
    assert shown == ["listening on :3000", *[HIDDEN] * 4, "after"]


def test_a_beginning_without_an_end_does_not_hide_the_rest_for_ever() -> None:
    shown = masked_lines(["-----BEGIN PRIVATE KEY-----", *["line"] * (LONGEST_KEY + 1)])
    assert shown == [*[HIDDEN] * (LONGEST_KEY + 1), "line"]


def test_a_certificate_is_no_secret() -> None:
    lines = ["-----BEGIN CERTIFICATE-----", *KEY, "-----END CERTIFICATE-----"]
    assert masked_lines(lines) == lines


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('User "system:serviceaccount:argocd:x" cannot patch', f"User {HIDDEN} cannot patch"),
        (
            "permission denied: applications, sync, tiketi/prod, sub: proj:tiketi:chatops, iat: 2026-08-01T09:00:00Z",
            f"permission denied: applications, sync, tiketi/prod, sub: {HIDDEN}, iat: {HIDDEN}",
        ),
        ('patch: {"stringData":{"password":"hunter2"}}', f'patch: {{"stringData":{{"password":"{HIDDEN}"}}}}'),
        ("Operation terminated", "Operation terminated"),
        ("one or more tasks are running", "one or more tasks are running"),
    ],
)
def test_what_argocd_says_names_no_account_and_no_secret(said: str, shown: str) -> None:
    assert masked_answer(said) == shown
    assert masked_answer(shown) == shown
