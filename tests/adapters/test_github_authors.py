"""Who wrote a commit, in every shape in which GitHub tells it."""

from typing import Any

import pytest

from bot.adapters.github_authors import people_of
from bot.domain.people import People

MINJI = {"login": "MinJi"}
GITHUB = {"login": "web-flow"}
NO_REPLY = {"email": "1+sora@users.noreply.github.com"}
PLAIN = {"email": "sora@example.com"}


def commit(author: Any, committer: Any, *, wrote: Any = PLAIN, put: Any = PLAIN, message: Any = "fix") -> Any:
    detail = {"author": wrote, "committer": put, "message": message}
    return {"author": author, "committer": committer, "commit": detail}


@pytest.mark.parametrize(
    ("found", "logins", "others"),
    [
        (commit(MINJI, MINJI), {"minji"}, False),
        (commit(MINJI, {"login": "sora"}), {"minji", "sora"}, False),
        (commit(MINJI, GITHUB), {"minji", "web-flow"}, False),
        (commit(MINJI, None), {"minji"}, True),
        (commit(MINJI, None, put={"email": "noreply@github.com"}), {"minji"}, False),
        (commit(None, MINJI), {"minji"}, True),
        (commit({}, MINJI, wrote=NO_REPLY), {"minji", "sora"}, False),
        (commit(None, None, wrote=None, put=None, message=None), set(), True),
        (
            commit(MINJI, MINJI, message="x\n\nCo-authored-by: s <1+sora@users.noreply.github.com>"),
            {"minji", "sora"},
            0,
        ),
        (commit(MINJI, MINJI, message="x\n\nCo-authored-by: s <sora@example.com>"), {"minji"}, True),
        ({}, set(), True),
    ],
)
def test_author_committer_and_co_authors(found: Any, logins: set[str], others: bool) -> None:
    assert people_of(found) == People(logins=frozenset(logins), others=bool(others))
