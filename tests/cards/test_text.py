"""Foreign text stays text, whatever is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards import text


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("**bold** _it_ ~~no~~ `code` ||spoiler||", r"\*\*bold\*\* \_it\_ \~\~no\~\~ \`code\` \|\|spoiler\|\|"),
        (
            "@everyone and <@1> <@&2> <#3> </deploy:4> <t:5:R>",
            r"\@everyone and \<\@1\> \<\@&2\> \<\#3\> \</deploy:4\> \<t:5:R\>",
        ),
        ("[click](https://evil.example)", r"\[click\](https\://evil.example)"),
        ("see https://evil.example now", r"see https\://evil.example now"),
        ("```\nrm -rf\n```", r"\`\`\` rm -rf \`\`\`"),
        ("# heading", r"\# heading"),
        ("-# small", r"\-\# small"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("> quote", r"\> quote"),
        ("a\\b", r"a\\b"),
        ("safe\u202egnp.exe", "safegnp.exe"),
        ("zero\u200bwidth\ufeff and \u2066isolates\u2069", "zerowidth and isolates"),
        ("two\nlines\r\n\tand\u2028more\x00\x1b[31m", r"two lines and more\[31m"),
        ("\ud800lonely", "lonely"),
        ("Z" + "\u0301" * 40, "Ź" + "\u0301" * 3),
        ("fix: 예매 화면 🎫", "fix: 예매 화면 🎫"),
        ("   ", ""),
    ],
)
def test_foreign_text_is_shown_letter_for_letter(foreign: str, shown: str) -> None:
    assert text.plain(foreign, 200) == shown


@pytest.mark.parametrize("limit", [-1, 0, 1, 2, 3])
def test_the_shortest_limits_end_too(limit: int) -> None:
    assert text.length(text.cut("예매", limit)) <= max(limit, 0)
    assert text.length(text.fenced(["a line", "예매 " * 50], limit=limit + 12)) <= limit + 12


def test_lines_in_a_block_are_the_last_that_fit_and_cannot_end_it() -> None:
    lines = ["first", "``` @everyone", "tab\there\x1b[31m", "last"]
    assert text.fenced(lines, limit=100) == "```\nfirst\n''' @everyone\ntab here[31m\nlast\n```"
    assert text.fenced(lines, limit=14) == "```\nlast\n```"
    assert text.fenced(lines, limit=18, language="diff") == "```diff\nlast\n```"
    assert text.fenced([], limit=100) == ""


def test_long_text_is_cut_where_people_see_it() -> None:
    assert text.plain("abcdefghij", 10) == "abcdefghij"
    assert text.plain("abcdefghijk", 10) == "abcdefghi…"
    assert text.plain("*" * 11, 10) == r"\*" * 9 + "…"
    assert text.plain("🎫" * 6, 10) == "🎫🎫🎫🎫…"


def test_code_cannot_be_left() -> None:
    assert text.code("a`b**c**\n@everyone", 50) == "`a'b**c** @everyone`"
    assert text.code("abcdef", 4) == "`abc…`"
    assert text.code("\u200b", 4) == ""


@pytest.mark.parametrize(
    ("label", "url", "shown"),
    [
        ("subject", "https://github.com/o/r/commit/1", "[subject](https://github.com/o/r/commit/1)"),
        ("a [b](c) ] d", "https://x.example/a(b)", "[a (b)(c) ) d](https://x.example/a%28b%29)"),
        ("https://evil.example", "https://x.example", "[evil.example](https://x.example)"),
        ("subject", "javascript:alert(1)", "subject"),
        ("subject", "https://user@evil.example", "subject"),
        ("subject", "https://[broken", "subject"),
        ("subject", "https://x.example/" + "a" * 600, "subject"),
        ("sub*ject", None, r"sub\*ject"),
        ("", "https://x.example", ""),
    ],
)
def test_a_link_goes_only_where_it_says(label: str, url: str | None, shown: str) -> None:
    assert text.link(label, url) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "0s"), (0.4, "0s"), (9, "9s"), (60, "1m"), (72, "1m 12s"), (3600, "1h"), (7500, "2h 5m"), (273600, "3d 4h")],
)
def test_durations_have_the_two_units_that_matter(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_any_text_becomes_one_line_of_bounded_length(foreign: str, limit: int) -> None:
    shown = text.plain(foreign, limit)

    assert "\n" not in shown
    assert text.length(shown) <= 2 * limit
    assert text.length(text.code(foreign, limit)) <= limit + 2
    shown.encode()
