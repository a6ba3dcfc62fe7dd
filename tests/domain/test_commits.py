"""Messages of commits, and that nobody's name becomes more than a name in them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import commits
from bot.domain.commits import Signature

OPERATION = "5f0c1c62-3f6e-4b5f-9a53-1f2f6f2b7a10"
REVISION = "a" * 40


def signed(name: str = "minji", *approvers: str) -> Signature:
    return Signature(operation=OPERATION, requested_by=name, requester_id=81384788765712384, approved_by=approvers)


def test_a_deploy_says_what_for_whom_and_with_whose_consent() -> None:
    text = commits.deploying(
        service="ticket-service",
        tag="a1b2c3d-20260105-143022",
        environment="prod",
        signature=signed("minji", "jisoo", "서연"),
    )
    assert text == (
        "chatops: Deploy ticket-service a1b2c3d-20260105-143022 to prod\n"
        "\n"
        f"Chatops-Operation: {OPERATION}\n"
        "Requested-by: minji (Discord 81384788765712384)\n"
        "Approved-by: jisoo\n"
        "Approved-by: 서연"
    )
    assert commits.carries(text, operation=OPERATION)
    assert not commits.carries(text, operation=OPERATION[:-1])
    assert commits.subject_of(text) == "chatops: Deploy ticket-service a1b2c3d-20260105-143022 to prod"


def test_an_emergency_stands_in_the_message() -> None:
    loud = replace(signed("minji", "jisoo"), emergency=True, reason="payments fail")
    text = commits.rolling_back(service="backend", tag="a1b2c3d-20260105-143022", environment="prod", signature=loud)
    assert text.splitlines()[-3:] == ["Approved-by: jisoo", "Emergency: yes", "Reason: payments fail"]


def test_a_revert_uses_the_words_of_git() -> None:
    text = commits.reverting(revision=REVISION, subject="chore(prod): backend x", signature=signed())
    assert text == (
        'Revert "chore(prod): backend x"\n'
        "\n"
        f"This reverts commit {REVISION}.\n"
        "\n"
        f"Chatops-Operation: {OPERATION}\n"
        "Requested-by: minji (Discord 81384788765712384)"
    )


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("minji\nApproved-by: jisoo", "minji Approved-by jisoo"),
        ("minji\r\n\r\nChatops-Operation: 1", "minji Chatops-Operation 1"),
        ("minji\u2028Approved-by: x\u2029\x85\x0b\x0c", "minji Approved-by x"),
        ("@octocat fixes #1, closes GH-1 [skip ci]", "octocat fixes 1 closes GH 1 skip ci"),
        ("https://github.com/o/r/issues/1", "https github.com o r issues 1"),
        ("<a@b.c>", "a b.c"),
        ("\u202ejisoo\u2066", "jisoo"),
        ("김민지 (ops) O'Neil Jean-Luc", "김민지 (ops) O'Neil Jean-Luc"),
        ("", "somebody"),
        ("\x00🎫\n", "somebody"),
        ("x" * 500, "x" * 80),
    ],
)
def test_of_a_name_only_a_name_is_left(name: str, kept: str) -> None:
    assert commits.clean(name) == kept


@given(name=st.text(), approver=st.text(), subject=st.text())
def test_nobody_adds_a_line(name: str, approver: str, subject: str) -> None:
    text = commits.reverting(revision=REVISION, subject=subject, signature=signed(name, approver))
    lines = text.split("\n")
    assert text.splitlines() == lines
    assert [line.partition(" ")[0] for line in lines[1:]] == [
        "",
        "This",
        "",
        "Chatops-Operation:",
        "Requested-by:",
        "Approved-by:",
    ]
    assert sum(commits.carries(line, operation=OPERATION) for line in lines) == 1
    assert all(len(line) <= 200 for line in lines)


@pytest.mark.parametrize("operation", ["", "a b", "a\nb", "-a", "a/b", "x" * 65, "ä"])
def test_what_is_no_operation_signs_nothing(operation: str) -> None:
    with pytest.raises(ValueError, match="not an operation id"):
        Signature(operation=operation, requested_by="minji", requester_id=1)


def test_only_a_whole_revision_is_reverted() -> None:
    with pytest.raises(ValueError, match="not a revision"):
        commits.reverting(revision="main", subject="x", signature=signed())
