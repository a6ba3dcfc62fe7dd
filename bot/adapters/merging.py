"""Merging two changes of one text by lines, as Git does: only where every way to compare the texts gives the same.

Which lines of two texts belong together is a guess wherever lines repeat, as most lines of a manifest do, and Git
guesses well but not as anybody else. So nothing is guessed. Lines that occur once in each of the three texts cut them
into segments; a segment in which both sides made something else is cut again by what occurs once in it. Before cuts are
trusted, it is proved for each side that no longest common subsequence, of which Git takes one, leaves out a cut or a
line of a segment that the side left alone: then Git, too, sees each change inside its segment. What is not proved is a
conflict.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise, takewhile

_MOST = 200_000
"""How many pairs of equal lines are looked at, which takes about a second."""
_DEEPEST = 20
"""How often segments are cut again."""
_Lines = list[str]
_Match = tuple[int, int, int]
"""A line of one text, the equal line of another, and the weight of their match."""


def merge(base: str, ours: str, theirs: str) -> str | None:
    """`ours` with what `theirs` made of `base`; None where both changed the same lines or lines that touch.

    Where this merges, `git merge-file` does and gives the same text; it may merge more. Line ends and a missing end of
    the last line belong to the lines. It may compute for seconds.
    """
    if theirs in (base, ours):
        return ours
    if ours == base:
        return theirs
    texts = [re.findall(r"[^\n]*\n|[^\n]+", text) for text in (base, ours, theirs)]
    counts = Counter(texts[0]) | Counter(texts[1]) | Counter(texts[2])
    rare = {line for line, count in counts.items() if count**2 <= min(map(len, texts))}
    merged = _merged(*texts, rare=rare, depth=0)
    return None if merged is None else "".join(merged)


def _merged(old: _Lines, one: _Lines, two: _Lines, *, rare: set[str], depth: int) -> list[str] | None:
    """The merge of a segment. Only `rare` lines cut, because Git may leave out frequent ones before it compares."""
    if two == old:
        return list(one)
    if one == old or (one == two and _apart(old, one)):
        return list(two)
    cuts = _cuts(old, one, two, rare=rare)
    sides = ((one, [cut[:2] for cut in cuts]), (two, [cut[::2] for cut in cuts]))
    if not cuts or depth == _DEEPEST or not all(_proved(old, new, there, whole=not depth) for new, there in sides):
        return None
    merged: list[str] = []
    for before, after in pairwise([(-1, -1, -1), *cuts, (len(old), len(one), len(two))]):
        parts = (lines[start + 1 : end] for lines, start, end in zip((old, one, two), before, after, strict=True))
        segment = _merged(*parts, rare=rare, depth=depth + 1)
        if segment is None:
            return None
        merged += [*segment, *old[after[0] : after[0] + 1]]
    return merged


def _apart(old: _Lines, new: _Lines) -> bool:
    """Whether what was changed between the same beginning and end shares no line with the other text, so that there is
    one way to compare them."""
    start, end = _ends(old, new)
    removed, added = old[start : len(old) - end], new[start : len(new) - end]
    return set(removed).isdisjoint(new) and set(added).isdisjoint(old)


def _ends(old: _Lines, new: _Lines) -> tuple[int, int]:
    """How many lines are the same at the beginning, and of the rest at the end."""
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    rest = zip(reversed(old[start:]), reversed(new[start:]), strict=False)
    return start, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))


def _cuts(old: _Lines, one: _Lines, two: _Lines, *, rare: set[str]) -> list[tuple[int, int, int]]:
    """Where the lines are that each text has once, as many as are in the same order in all."""
    places = [{line: place for place, line in enumerate(text)} for text in (old, one, two)]
    counts = [Counter(text) for text in (old, one, two)]
    single = [line for line in old if line in rare and all(count[line] == 1 for count in counts)]
    for places_there in places[1:]:
        kept = _heaviest((places[0][line], places_there[line], 1) for line in single)
        single = [old[place] for place, *_ in kept]
    return [(places[0][line], places[1][line], places[2][line]) for line in single]


def _proved(old: _Lines, new: _Lines, cuts: Sequence[tuple[int, ...]], *, whole: bool) -> bool:
    """Whether every longest common subsequence has all cuts, and all lines of the segments that are equal.

    Take any common subsequence. To put into it what it lacks of those costs only its matches across segments, so it is
    enough that any number of these costs more than it brings. Matches within a segment that was changed are on neither
    side of the scales: Git leaves some of them out before it compares, which therefore changes nothing here. Of whole
    texts Git sets the same lines at both ends aside first.
    """
    start, end = _ends(old, new) if whole else (0, 0)
    counts = Counter(new[start : len(new) - end])
    if sum(counts[line] for line in old[start : len(old) - end]) > _MOST:
        return False
    segment_old, segment_new = _segments(len(old), [cut[0] for cut in cuts]), _segments(len(new), [c[1] for c in cuts])
    solid = _equal(old, new, cuts)
    there = defaultdict(list)
    for place in range(start, len(new) - end):
        there[new[place]].append(place)
    places = range(start, len(old) - end)
    matches = [
        (place, other, segment_old[place] != segment_new[other])
        for place in places
        for other in there[old[place]]
        if segment_old[place] != segment_new[other] or segment_old[place] in solid
    ]
    if not any(crossing for *_, crossing in matches):
        return True
    unit = len(old) + 1
    heaviest = _heaviest((place, other, unit + crossing) for place, other, crossing in matches)
    weight = sum(match[2] for match in heaviest)
    return weight <= unit * sum(segment_old[place] in solid for place in places)


def _segments(size: int, cuts: Sequence[int]) -> list[int]:
    """The segment of each line: even numbers, and odd ones for the cuts between them."""
    numbers = chain.from_iterable(
        chain([2 * number - 1] if number else [], [2 * number] * (end - begin - 1))
        for number, (begin, end) in enumerate(pairwise([-1, *cuts, size]))
    )
    return list(numbers)


def _equal(old: _Lines, new: _Lines, cuts: Sequence[tuple[int, ...]]) -> set[int]:
    """The cuts, and the segments that have the same lines in both texts."""
    ends = pairwise([(-1, -1), *cuts, (len(old), len(new))])
    equal = {
        2 * number
        for number, (before, after) in enumerate(ends)
        if old[before[0] + 1 : after[0]] == new[before[1] + 1 : after[1]]
    }
    return equal | {2 * number + 1 for number in range(len(cuts))}


def _heaviest(matches: Iterable[_Match]) -> list[_Match]:
    """The matches that can hold together, each after the other in both texts, and weigh most."""
    ordered = sorted(matches, key=lambda match: (match[0], -match[1]))
    size = max((match[1] for match in ordered), default=0) + 1
    # The heaviest chain that ends before a place of the second text, in a Fenwick tree; links lead back along it.
    nothing: tuple[int, int] = (0, -1)
    tree, links = [nothing] * (size + 1), []
    best = nothing
    for number, (_, place, weight) in enumerate(ordered):
        before, node = nothing, place
        while node:
            before = max(before, tree[node])
            node &= node - 1
        links.append(before[1])
        here, node = (before[0] + weight, number), place + 1
        best = max(best, here)
        while node <= size:
            tree[node] = max(tree[node], here)
            node += node & -node
    found = []
    number = best[1]
    while number >= 0:
        found.append(ordered[number])
        number = links[number]
    return found[::-1]
