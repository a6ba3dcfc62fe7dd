"""Signatures and tokens: only the right bytes get in."""

import pytest

from bot.webhooks import signatures
from tests.webhooks.doors import sign

BODY = b'{"zen": "Keep it logically awesome."}'
SECRETS = (b"new", b"old")


@pytest.mark.parametrize("secret", ["new", "old"])
def test_a_body_signed_with_either_secret_is_accepted(secret: str) -> None:
    assert signatures.github(BODY, sign(BODY, secret), SECRETS)


def test_the_documented_example_of_github_is_accepted() -> None:
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signatures.github(b"Hello, World!", header, (b"It's a Secret to Everybody",))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        sign(BODY, "another"),
        sign(BODY + b" ", "new"),
        sign(BODY, "new").removeprefix("sha256="),
        sign(BODY, "new").upper(),
        sign(BODY, "new")[:-1],
        sign(BODY, "new") + "0",
        "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6",
        "sha256=схема",
        "sha256=\udcff\ud800",
    ],
)
def test_any_other_header_is_refused(header: str | None) -> None:
    assert signatures.github(BODY, sign(BODY, "new"), SECRETS)
    assert not signatures.github(BODY, header, SECRETS)


@pytest.mark.parametrize("secrets", [(), (b"",), (b"", b"")])
def test_without_a_secret_nobody_gets_in(secrets: tuple[bytes, ...]) -> None:
    assert not signatures.github(BODY, sign(BODY, ""), secrets)


@pytest.mark.parametrize("header", ["Bearer token", "bearer token", "Bearer  token "])
def test_the_right_token_is_accepted(header: str) -> None:
    assert signatures.bearer(header, (b"token",))


@pytest.mark.parametrize("header", [None, "", "token", "Basic token", "Bearer", "Bearer tokens", "Bearer \udcff"])
def test_any_other_token_is_refused(header: str | None) -> None:
    assert signatures.bearer("Bearer token", (b"token",))
    assert not signatures.bearer(header, (b"token",))


def test_an_empty_token_opens_nothing() -> None:
    assert not signatures.bearer("Bearer ", (b"",))
    assert not signatures.bearer("Bearer ", ())


def test_while_one_token_replaces_the_other_both_are_accepted() -> None:
    tokens = (b"new", b"old")
    assert [signatures.bearer(f"Bearer {given}", tokens) for given in ("new", "old", "other")] == [True, True, False]
