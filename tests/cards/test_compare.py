"""The answer to /compare: which way it goes, what concerns the service, and the rest in a file."""

import re
from dataclasses import replace

import pytest

from bot.cards import compare
from bot.cards.base import TOTAL_LIMIT, Attachment, Button, Card, Colour, Field
from bot.domain.comparisons import Commit, Comparison, Pull, Side, Version
from tests.cards import places, story

CATALOG = places.catalog()
TICKETS = CATALOG.services["ticket-service"]
PROD = Version(tag=story.OLD_TAG, environment="prod")
STAGING = Version(tag=story.TAG, environment="staging")
OLD, NEW = "9f8e7d6" + "0" * 33, story.SOURCE
GITHUB = "https://github.com/ORGANIZATION/project-ticketing"
HOSTILE = "@everyone <@&1> **bold** [here](http://evil.test) ```` \u202e" + "x" * 300
GAP = "\n\u200b\n"

HOLD = Commit(
    revision="b" * 40,
    subject="Hold seats",
    author="mina",
    url=f"{GITHUB}/commit/{'b' * 40}",
    pull=Pull(number=12, title="Seats can be held", author="jiwon"),
    touches=True,
)
BUMP = Commit(revision="c" * 40, subject="Bump node", author="jiwon", url=f"{GITHUB}/commit/{'c' * 40}", touches=False)
TWO = Side(total=2, commits=(BUMP, HOLD), files=3)
ENDS = "From **prod** `9f8e7d6-20260104-091500` built <t:1767518100:R>\n" + (
    "To **staging** `b2c3d4e-20260105-143125` built <t:1767623485:R>"
)
LINES = (
    "🔹 1 of 2 commits touches `services/ticket-service` · 3 files\n"
    f"▫️ [Bump node]({GITHUB}/commit/{'c' * 40}) by jiwon\n"
    f"🔹 [Hold seats]({GITHUB}/commit/{'b' * 40}) by mina · [#12]({GITHUB}/pull/12)"
)
PULLS = (Field(name="Pull requests", value=f"[#12]({GITHUB}/pull/12) Seats can be held by jiwon"),)


def card(
    *,
    gained: Side | None = None,
    lost: Side | None = None,
    base: Version = PROD,
    head: Version = STAGING,
    named_only: bool = False,
) -> Card:
    """The card of a comparison of ticket-service."""
    found = Comparison(base=OLD, head=NEW, gained=gained or Side(), lost=lost or Side(), named_only=named_only)
    return compare.render(found, service=TICKETS, base=base, head=head, catalog=CATALOG)


def test_going_forward_lists_what_comes_in() -> None:
    assert card(gained=TWO) == Card(
        title="ticket-service · prod → staging · 2 commits ahead",
        colour=Colour.RUNNING,
        description=GAP.join((ENDS, LINES)),
        fields=PULLS,
        buttons=(Button(label="On GitHub", url=f"{GITHUB}/compare/{OLD}...{NEW}"),),
    )


def test_going_back_is_said_before_what_it_undoes() -> None:
    shown = card(lost=TWO, base=STAGING, head=PROD)
    assert shown.title == "ticket-service · staging → prod · going back by 2 commits"
    assert shown.colour is Colour.WAITING
    assert shown.description.split(GAP)[1:] == [
        "**Note** prod is older. Going there undoes these commits.",
        LINES,
    ]
    assert shown.buttons == (Button(label="On GitHub", url=f"{GITHUB}/compare/{NEW}...{OLD}"),)


def test_histories_that_parted_show_both_sides() -> None:
    one = Side(total=1, commits=(HOLD,), files=1)
    shown = card(gained=TWO, lost=one)
    assert shown.title == "ticket-service · prod → staging · 2 in, 1 out"
    assert shown.description.split(GAP)[1:] == [
        "Their histories have parted: 2 commits come in and 1 commit goes out.",
        f"**In**\n{LINES}",
        "**Out**\n🔹 1 of 1 commit touches `services/ticket-service` · 1 file\n"
        f"🔹 [Hold seats]({GITHUB}/commit/{'b' * 40}) by mina · [#12]({GITHUB}/pull/12)",
    ]


def test_the_same_commit_differs_in_nothing() -> None:
    tag = Version(tag=story.TAG)
    assert card(base=tag, head=tag) == Card(
        title=f"ticket-service · {story.TAG} → {story.TAG} · the same commit",
        colour=Colour.GOOD,
        description=GAP.join(
            (
                "From `b2c3d4e-20260105-143125` built <t:1767623485:R>\n"
                "To `b2c3d4e-20260105-143125` built <t:1767623485:R>",
                "Both were built from the same commit, so the code does not differ.",
            )
        ),
        buttons=(Button(label="On GitHub", url=f"{GITHUB}/commit/{NEW}"),),
    )


def test_what_is_too_long_comes_as_a_file() -> None:
    many = Side(total=130, commits=(BUMP, *(HOLD,) * 99), files=300, files_cut=True)
    shown = card(gained=many, named_only=True)
    assert shown.title.endswith("130 commits ahead")
    lines = shown.description.split(GAP)[1].splitlines()
    assert lines[0] == "🔹 99 of the newest 100 commits touch `services/ticket-service` · at least 300 files"
    assert (len(lines), lines[-1]) == (14, "and 118 older ones")
    assert shown.footer == "The file has more. · Pull requests are those that commits name."
    text = "\n".join(
        [
            "130 commits in; * changes the service",
            "  cccccccccc Bump node (jiwon)",
            *["* bbbbbbbbbb Hold seats (mina) #12"] * 99,
            "  and 30 older ones",
            "",
        ]
    )
    assert shown.attachment == Attachment(name="ticket-service-prod-staging.txt", text=text)
    assert shown.fields == PULLS


def test_a_squashed_pull_request_is_its_commit_and_not_told_twice() -> None:
    squashed = replace(HOLD, pull=Pull(number=12, title=HOLD.subject, author=HOLD.author))
    shown = card(gained=Side(total=1, commits=(squashed,), files=1))
    assert (shown.fields, "[#12](" in shown.description) == ((), True)


def test_nobody_told_which_commits_concern_the_service() -> None:
    shown = card(gained=Side(total=1, commits=(replace(BUMP, touches=None),)))
    assert shown.description.split(GAP)[1] == f"• [Bump node]({GITHUB}/commit/{'c' * 40}) by jiwon"


@pytest.mark.parametrize("number", [1, 100])
def test_what_strangers_wrote_is_text_and_fits(number: int) -> None:
    bad = Commit(
        revision="d" * 40,
        subject=HOSTILE,
        author=HOSTILE,
        url="javascript:alert(1)",
        pull=Pull(number=1, title=HOSTILE, author=HOSTILE),
        touches=True,
    )
    pulls = tuple(replace(bad, pull=replace(bad.pull, number=index)) for index in range(number) if bad.pull)
    shown = card(gained=Side(total=number, commits=pulls), lost=Side(total=number, commits=pulls))
    assert shown.size <= TOTAL_LIMIT
    said = shown.description + "".join(field.value for field in shown.fields)
    bare = re.sub(r"(?<!\\)`[^`]*`", "", said)
    assert re.findall(r"(?<!\\)(?:@everyone|<@&1|\*\*bold|\[here)|[\u202e]|javascript:[^\\]*\)\)", bare) == []
