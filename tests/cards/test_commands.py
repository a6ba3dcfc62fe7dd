"""Every command that people are told of can be pasted: it is there, so are its options, and none it needs is missing.

The name alone names a command; whoever pastes it is asked by Discord for what it needs.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from discord import app_commands

import bot
import cogs
from bot.cards.base import Card
from bot.cards.text import command
from bot.domain.hindrances import HINDRANCES
from bot.domain.reasons import SENTENCES
from tests.cards import states
from tests.cards.test_snapshots import CARDS

TREE = {
    known.qualified_name: {option.display_name: option.required for option in known.parameters}
    for cog in cogs.make(Mock())
    for known in cog.walk_app_commands()
    if isinstance(known, app_commands.Command)
}
NAMES = "|".join(sorted(TREE, key=len, reverse=True))
IN_CODE = re.compile(r"`(/[a-z]+(?: [^`]*)?)`")
IN_PROSE = re.compile(rf"(?<![\w/.`:)])/(?:{NAMES})(?![\w/-])(?: \{{\}}| [a-z_]+:\S*)*")
OPTION = re.compile(r"([a-z_]+):(\S*)")


def suggested(text: str) -> Iterator[str]:
    """The commands in a text, with their options."""
    for part in re.split(r"(`[^`]*`)", text):
        yield from IN_CODE.findall(part) if part.startswith("`") else IN_PROSE.findall(part)


def wrong(text: str) -> str:
    """What is wrong with a command, '' for nothing."""
    name = next((one for one in TREE if text == f"/{one}" or text.startswith(f"/{one} ")), None)
    if name is None:
        return "no such command"
    words = text.removeprefix(f"/{name}").split()
    given = [(match[1], match[2]) for word in words if (match := OPTION.fullmatch(word))]
    if len(given) < len(words):
        return "an option has no name"
    if unknown := {option for option, _ in given} - set(TREE[name]):
        return f"no such option: {', '.join(sorted(unknown))}"
    missing = [option for option, needed in TREE[name].items() if needed and option not in dict(given)]
    if given and missing:
        return f"it needs {', '.join(missing)}"
    empty = [not value for _, value in given]
    return "" if empty == sorted(empty) else "what a person has to type is not at its end"


def said(card: Card) -> str:
    """Everything a card says."""
    fields = [text for field in card.fields for text in (field.name, field.value)]
    return "\n".join([card.title, card.description, card.footer, *fields])


def written() -> Iterator[str]:
    """Every string of the sources, with `{}` for what is filled in."""
    for package in (bot, cogs):
        for path in Path(package.__file__ or "").parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("/deploy environment:prod service:all", ""),
        ("/deploy", ""),
        ("/freeze remove freeze:f-1 reason:", ""),
        ("/deploy prod all", "an option has no name"),
        ("/deploy environment:prod", "it needs service"),
        ("/deploy environment: service:all", "what a person has to type is not at its end"),
        ("/unlock environment:prod why:x", "no such option: why"),
        ("/freeze", "no such command"),
    ],
)
def test_what_is_wrong_is_found(text: str, fault: str) -> None:
    assert [wrong(one) for one in suggested(f"Type `{text}` now.")] == [fault]


def test_in_prose_only_what_follows_the_name_as_an_option_or_is_filled_in_belongs_to_it() -> None:
    assert [*suggested("See /status, or /deploy environment:prod now; /pods {} shows it, /tmp/logs/x does not")] == [
        "/status",
        "/deploy environment:prod",
        "/pods {}",
    ]


def test_each_on_a_card_can_be_pasted() -> None:
    found = {one: name for name, card in (CARDS | states.cards()).items() for one in suggested(said(card))}
    assert {one.split(maxsplit=1)[0] for one in found} >= {"/deploy", "/lock", "/unlock", "/freeze", "/terminate"}
    assert {one: (name, fault) for one, name in found.items() if (fault := wrong(one))} == {}


def test_each_in_a_sentence_can_be_pasted() -> None:
    found = [one for text in (*SENTENCES.values(), *HINDRANCES.values()) for one in suggested(text)]
    assert found
    assert {one: fault for one in found if (fault := wrong(one))} == {}


def test_each_that_is_written_anywhere_can_be_pasted() -> None:
    found = {one for text in written() for one in suggested(text)}
    assert "/terminate environment:{}" in found
    assert {one: fault for one in found if (fault := wrong(one))} == {}


def test_a_command_is_written_with_what_is_known_and_ends_where_people_type() -> None:
    assert command("deploy", environment="prod", service="all", tag=None) == "`/deploy environment:prod service:all`"
    assert command("lock", environment="prod", for_="2h", reason="") == "`/lock environment:prod for:2h reason:`"
    assert command("locks") == "`/locks`"
