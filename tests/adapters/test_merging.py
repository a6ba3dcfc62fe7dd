"""Texts merged by lines: as Git does it wherever it is done at all, and done where one overlay serves all services."""

import shutil
import subprocess
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters import kustomization
from bot.adapters.merging import merge
from sandbox.world import World
from tests.adapters.hub import OVERLAY, SERVICES

needs_git = pytest.mark.skipif(
    not shutil.which("git"), reason="NOT TESTED: merges against git merge-file, for want of it"
)
MADE, *NEWER = (f"{letter * 7}-20260105-143022" for letter in "abcde")

Lines = list[str]


@st.composite
def edited(draw: st.DrawFn, lines: Lines, *, edits: int) -> Lines:
    """The lines after some were put in, taken out, replaced, copied or moved."""
    lines = list(lines)
    for _ in range(draw(st.integers(0, edits))):
        place, count = draw(st.integers(0, len(lines))), draw(st.integers(0, 3))
        kept = lines[place : place + count]
        if draw(st.booleans()):
            del lines[place : place + count]
        if draw(st.booleans()):
            place = draw(st.integers(0, len(lines)))
        else:
            kept = draw(st.lists(st.sampled_from(["new", "newer", "same", "\r", ""]), max_size=3))
        lines[place:place] = kept
    return lines


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str, str]:
    """A text of lines of which many repeat, and two that were made of it, partly by the same edits."""
    line = st.one_of(st.integers(0, 60).map(str), st.sampled_from(["same", "other", "", "é\r", "\u2028"]))
    base = draw(st.lists(line, max_size=30))
    shared = draw(edited(base, edits=1))
    versions = (base, draw(edited(shared, edits=3)), draw(edited(shared, edits=2)))
    base_text, ours, theirs = ("\n".join(version) + draw(st.sampled_from(["\n", ""])) for version in versions)
    return base_text, ours, theirs


@pytest.fixture
def git(tmp_path: Path) -> Callable[[str, str, str], str | None]:
    """What `git merge-file` makes of base, ours and theirs; None for a conflict."""

    def merged(*given: str) -> str | None:
        base, ours, theirs = (tmp_path / name for name in ("base", "ours", "theirs"))
        for path, text in zip((base, ours, theirs), given, strict=True):
            path.write_bytes(text.encode())
        words = ["git", "merge-file", "--stdout", "--quiet", str(ours), str(base), str(theirs)]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        assert 0 <= done.returncode < 128, done.stderr
        return None if done.returncode else done.stdout.decode()

    return merged


@needs_git
def test_what_is_merged_git_merges_to_the_same_text(git: Callable[[str, str, str], str | None]) -> None:
    counts = {True: 0, False: 0}

    @settings(max_examples=250, deadline=None)
    @given(texts())
    def each(given: tuple[str, str, str]) -> None:
        ours = merge(*given)
        counts[ours is None] += 1
        if ours is not None:
            assert ours == git(*given)

    each()
    assert min(counts.values()) > 10  # neither everything nor nothing is a conflict


@pytest.mark.parametrize("tags", [NEWER, [NEWER[0]] * 4, [MADE] * 4], ids=["different", "the same", "the reverted one"])
def test_other_services_of_one_overlay_keep_their_tags(world: World, tags: list[str]) -> None:
    before = world.git.head("main").tree[OVERLAY]
    for reverted, *others in (order for size in range(2, 6) for order in combinations(SERVICES, size)):
        made = kustomization.with_tag(before, image=reverted, tag=MADE)
        ours, wanted = made, before
        for service, tag in zip(others, tags, strict=False):
            ours = kustomization.with_tag(ours, image=service, tag=tag)
            wanted = kustomization.with_tag(wanted, image=service, tag=tag)
        assert merge(made, ours, before) == wanted
        assert merge(made, before, ours) == wanted


def test_what_repeats_is_cut_again_where_it_does_not(world: World) -> None:
    before = world.git.head("main").tree[OVERLAY]

    def scaled(text: str, service: str, count: int) -> str:
        changed = text.replace(f"- name: {service}\n  count: 3\n", f"- name: {service}\n  count: {count}\n")
        assert changed != text
        return changed

    for one, other in combinations(SERVICES, 2):
        made = scaled(before, one, 5)
        assert merge(made, scaled(made, other, 5), before) == scaled(before, other, 5)
        assert merge(made, scaled(made, other, 4), before) == scaled(before, other, 4)


CASES: dict[str, tuple[str, str, str, str | None]] = {
    "apart": ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"),
    "the same line": ("a\nb\nc\n", "a\nB\nc\n", "a\n!\nc\n", None),
    "lines that touch": ("a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n", None),
    "put in at one place": ("a\nb\n", "a\n1\nb\n", "a\n2\nb\n", None),
    "the same on both sides": ("a\nb\nc\nd\n", "a\nB\nc\nD\n", "a\nB\nc\nd\n", "a\nB\nc\nD\n"),
    "taken back already": ("a\nb\nc\n", "a\nB\nc\nd\n", "a\nB\nc\n", "a\nB\nc\nd\n"),
    "removed and changed": ("a\nb\nc\nd\n", "c\nd\n", "a\nb\nc\nD\n", "c\nD\n"),
    "removed what was changed": ("a\nb\nc\n", "a\nc\n", "a\nB\nc\n", None),
    "line ends": ("a\r\nb\r\nc\n", "A\r\nb\r\nc\n", "a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n"),
    "only line ends": ("a\nb\n", "a\r\nb\n", "A\nb\n", None),
    "no end of the last line": ("a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC"),
    "an end for the last line": ("a\nb\nc", "A\nb\nc", "a\nb\nc\n", "A\nb\nc\n"),
    "other separators are no ends": ("a\u2028b\nx\nc\n", "A\u2028b\nx\nc\n", "a\u2028b\nx\nC\n", "A\u2028b\nx\nC\n"),
    "from nothing": ("", "a\n", "b\n", None),
    "to nothing": ("a\n", "", "a\n", ""),
    "a block moved further than what was kept": (
        "y\n" * 9 + "a\nx\nb\n",
        "a\nx\nb\n" + "y\n" * 9,
        "y\n" * 9 + "a\nX\nb\n",
        None,
    ),
    "only lines that repeat": ("x\nx\nx\nx\n", "y\nx\nx\nx\n", "x\nx\nx\ny\n", None),
}


@needs_git
@pytest.mark.parametrize(("base", "ours", "theirs", "expected"), CASES.values(), ids=CASES.keys())
def test_one_by_one(
    git: Callable[[str, str, str], str | None], base: str, ours: str, theirs: str, expected: str | None
) -> None:
    assert merge(base, ours, theirs) == expected
    assert merge(base, theirs, ours) == expected
    if expected is not None:
        assert git(base, ours, theirs) == expected


def test_what_would_take_long_is_a_conflict() -> None:
    lines = [f"{number}\nspec:\n" for number in range(600)]
    base, theirs = "".join(lines), "".join([*lines[:300], "new\n", *lines[300:]])
    assert merge(base, f"first\n{base}", theirs) == f"first\n{theirs}"
    assert merge(base, f"first\n{base}last\n", theirs) is None
