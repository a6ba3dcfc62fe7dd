"""The list of reasons is closed: each has its sentence, and each is given somewhere."""

import re
from pathlib import Path

import pytest

import bot
import cogs
from bot.domain.hindrances import HINDRANCES, hindrance
from bot.domain.reasons import SENTENCES, Reason, Refused

LONGEST = 200


def test_every_reason_has_a_sentence_and_no_two_share_one() -> None:
    assert set(SENTENCES) == set(Reason)
    assert len(set(SENTENCES.values())) == len(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_is_short_and_whole(reason: Reason) -> None:
    sentence = SENTENCES[reason]

    assert len(sentence) <= LONGEST
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert sentence == " ".join(sentence.split())


@pytest.mark.parametrize("reason", Reason)
def test_a_code_is_its_name_in_lower_case(reason: Reason) -> None:
    assert reason.value == reason.name.lower()


def test_every_reason_is_given_somewhere() -> None:
    folders = [Path(package.__file__ or "").parent for package in (bot, cogs)]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    sources = [path.read_text() for path in files if path.name not in ("codes.py", "reasons.py", "hindrances.py")]
    given = {name for source in sources for name in re.findall(r"\bReason\.([A-Z_]+)\b", source)}

    assert given == {reason.name for reason in Reason}


def test_a_refusal_says_the_reason_and_what_only_this_case_knows() -> None:
    bare, detailed = Refused(Reason.EXPIRED), Refused(Reason.EXPIRED, "It ended at noon.")

    assert bare.sentence == SENTENCES[Reason.EXPIRED]
    assert detailed.sentence == f"{SENTENCES[Reason.EXPIRED]} It ended at noon."
    assert Refused(Reason.EXPIRED, "One.\nTwo.").sentence == f"{SENTENCES[Reason.EXPIRED]}\nOne.\nTwo."
    assert str(detailed) == "expired"


@pytest.mark.parametrize("reason", Reason)
def test_what_holds_an_open_operation_up_sends_nobody_away(reason: Reason) -> None:
    if reason in HINDRANCES:
        assert hindrance(reason) != SENTENCES[reason]
        assert "again" not in hindrance(reason)
        assert hindrance(reason).endswith(".")
    else:
        assert hindrance(reason) == SENTENCES[reason]
