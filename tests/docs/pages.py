"""The pages as tests read them: sections, tables, code blocks, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"""!?\[[^\]]*\]\(([^)\s]+)\)|<img src="([^"]+)" """)


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", page.read_text(), re.MULTILINE)
    assert found, f"{page.name} has no section {heading!r}"
    rest = found.string[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", _without_code(rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str, *, table: int = 0, head: bool = False) -> list[list[str]]:
    """The cells of a table in the text, the first one unless said otherwise; its `head` only if it is asked for."""
    tables = re.findall(r"(?:^ *\|.*\n)+", text, re.MULTILINE)
    first, _, *below = tables[table].splitlines()
    lines = [first, *below] if head else below
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] for line in lines]


def every_row(text: str) -> list[list[str]]:
    """The cells of all tables in the text, without their heads."""
    return [
        cells
        for number in range(len(re.findall(r"^ *\|---", text, re.MULTILINE)))
        for cells in rows(text, table=number)
    ]


def codes(text: str) -> list[str]:
    """What stands between single backticks, outside code blocks."""
    return re.findall(r"`([^`\n]+)`", _without_code(text))


def block(text: str, language: str) -> str:
    """The first code block of a language."""
    found = re.search(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"no block of {language}"
    return found[1]


def links(page: Path) -> Iterator[str]:
    """Where the links and images of a page lead."""
    for link, image in _LINK.findall(_without_code(page.read_text())):
        yield link or image


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", _without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    """The text with its code blocks blanked, so that positions stay."""
    return _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
