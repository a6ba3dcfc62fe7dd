"""The pages hold together: links lead somewhere, and nothing is said that only one machine knows."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links

WRITTEN = sorted(
    path for path in (*PAGES, ROOT / ".env.example", ROOT / "LICENSE", *(ROOT / "deploy").rglob("*")) if path.is_file()
)
FORBIDDEN = re.compile(
    r"\.\./shared|/work/|/root/|/home/|\bpypi\.|pythonhosted|registry\.npmjs|--(extra-)?index-url|--find-links"
)
UNFINISHED = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem)\b", re.IGNORECASE)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        address, _, anchor = link.partition("#")
        if address.startswith(("https://", "http://")):
            continue
        target = (page.parent / address).resolve() if address else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link}
        waiting += [target for target in targets - seen if target.suffix == ".md"]
    assert set(PAGES) <= seen


def test_every_image_is_shown() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page) if "://" not in link}
    assert set((ROOT / "docs" / "images").iterdir()) <= shown


@pytest.mark.parametrize("path", WRITTEN, ids=named)
def test_nothing_only_one_machine_knows(path: Path) -> None:
    if path.suffix != ".png":
        text = path.read_text()
        assert not FORBIDDEN.findall(text)
        assert not UNFINISHED.findall(text)
