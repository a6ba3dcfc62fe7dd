"""Who stands behind a commit: addresses, co-authors, the names of reports, and accounts that are nobody."""

import pytest

from bot.domain import people
from bot.domain.people import People
from tests.domain.test_catalog import CATALOG

OTHERS = People(others=True)


def of(*logins: str) -> People:
    return People(logins=frozenset(logins))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("12345+Octo-Cat@users.noreply.github.com", of("octo-cat")),
        ("octocat@users.noreply.github.com", of("octocat")),
        ("49699333+dependabot[bot]@Users.NoReply.GitHub.com", of("dependabot[bot]")),
        ("1+mina_acme@users.noreply.github.com", of("mina_acme")),
        ("noreply@github.com", People()),
        ("NoReply@GitHub.com", People()),
        ("mina@example.com", OTHERS),
        ("noreply@anthropic.com", OTHERS),
        ("octocat@users.noreply.github.com.example.com", OTHERS),
        ("x@octocat@users.noreply.github.com", OTHERS),
        ("1+octo cat@users.noreply.github.com", OTHERS),
        ("1+@users.noreply.github.com", OTHERS),
        ("1+" + "a" * 65 + "@users.noreply.github.com", OTHERS),
        ("", OTHERS),
    ],
)
def test_only_no_reply_addresses_name_somebody(address: str, expected: People) -> None:
    assert people.of_address(address) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("fix: seats", People()),
        ("fix: seats\n\nCo-authored-by: Octo Cat <1+OctoCat@users.noreply.github.com>", of("octocat")),
        ("fix\r\n\r\nco-AUTHORED-by: a <1+a@users.noreply.github.com>\r\nSigned-off-by: b <b@example.com>", of("a")),
        (
            "fix\n\n* one\n\nCo-authored-by: a <1+a@users.noreply.github.com>\n\n* two\n\n"
            "  Co-authored-by: b <2+b@users.noreply.github.com>\nCo-authored-by: a <1+a@users.noreply.github.com>\n",
            of("a", "b"),
        ),
        ("fix\n\nCo-authored-by: Mina <mina@example.com>", OTHERS),
        (
            "fix\n\nCo-authored-by: Mina <mina@example.com>\nCo-authored-by: a <1+a@users.noreply.github.com>",
            People(logins=frozenset({"a"}), others=True),
        ),
        ("fix\n\nCo-authored-by:", OTHERS),
        ("fix\n\nCo-authored-by: a 1+a@users.noreply.github.com", OTHERS),
        ("fix\n\nCo-authored-by: <1+a@users.noreply.github.com> <1+b@users.noreply.github.com>", of("b")),
        ("fix: write Co-authored-by: a <1+a@users.noreply.github.com> lines", People()),
        ("fix\n\nReviewed-by: a <1+a@users.noreply.github.com>", People()),
    ],
)
def test_co_authors_are_read_from_any_line_of_a_message(message: str, expected: People) -> None:
    assert people.co_authors(message) == expected


def test_a_report_names_a_login_or_a_name() -> None:
    assert people.named({"Mina", "", "dependabot[bot]"}) == of("mina", "dependabot[bot]")
    assert people.named({"mina", "mina kim"}) == of("mina") | OTHERS


def test_bots_and_githubs_own_accounts_are_nobody() -> None:
    bots = {"dependabot[bot]", "github-actions[bot]", "tiketi-chatops[bot]", "web-flow", "copilot"}
    assert CATALOG.unmapped({*bots, "mina"}) == ()
    assert CATALOG.unmapped({*bots, "mina", "octocat", "hubot"}) == ("hubot", "octocat")
