"""The answer to /compare: what comes in and what goes out between two versions, newest first.

Going back is said first and in words: a list of commits looks the same in both directions, and is not.
"""

from collections.abc import Iterator

from bot.cards.base import Attachment, Button, Card, Colour, Field
from bot.cards.text import ago, code, link, paragraphs, plain
from bot.domain import images
from bot.domain.catalog import Catalog, Service
from bot.domain.comparisons import Commit, Comparison, Pull, Side, Version

SHOWN = 12
"""Commits in the card, half as many of each side where there are two: more would not fit with their links."""
PULLS = 5
_TAG = 60
_SUBJECT = 72
_NAME = 30
_MARKS = {True: "🔹", False: "▫️", None: "•"}


def render(found: Comparison, *, service: Service, base: Version, head: Version, catalog: Catalog) -> Card:
    """The card, with a file of every commit that GitHub told when they are too many."""
    gained, lost = found.gained, found.lost
    back = bool(lost.total and not gained.total)
    ends = (found.head, found.base) if back else (found.base, found.head)
    sides = (("**In**", gained), ("**Out**", lost)) if gained.total and lost.total else (("", gained), ("", lost))
    words, colour, meaning = _direction(gained, lost, head=head)
    commits = (*gained.commits, *lost.commits)
    shown = SHOWN // 2 if gained.total and lost.total else SHOWN
    whole = any(side.total > shown for side in (gained, lost))
    pulls = _pulls(commits, catalog=catalog)
    page = catalog.compare_page(*ends) if commits else catalog.commit_page(found.head)
    return Card(
        title=f"{service.name} · {base.name} → {head.name} · {words}",
        colour=colour,
        description=paragraphs(
            [
                f"From {_version(base)}\nTo {_version(head)}",
                meaning,
                *(_side(side, name=name, shown=shown, service=service, catalog=catalog) for name, side in sides),
            ]
        ),
        fields=(Field(name="Pull requests", value=pulls),) if pulls else (),
        buttons=(Button(label="On GitHub", url=page),),
        footer=_footer(found, whole=whole),
        attachment=Attachment(name=f"{service.name}-{base.name}-{head.name}.txt", text=_file(found)) if whole else None,
    )


def _direction(gained: Side, lost: Side, *, head: Version) -> tuple[str, Colour, str]:
    """The end of the title, the colour, and what it means."""
    if gained.total and lost.total:
        return (
            f"{gained.total} in, {lost.total} out",
            Colour.WAITING,
            f"Their histories have parted: {_number(gained.total)} {_verb(gained.total, 'comes', 'come')} in and "
            f"{_number(lost.total)} {_verb(lost.total, 'goes', 'go')} out.",
        )
    if gained.total:
        return f"{_number(gained.total)} ahead", Colour.RUNNING, ""
    if lost.total:
        return (
            f"going back by {_number(lost.total)}",
            Colour.WAITING,
            f"**Note** {head.name} is older. Going there undoes {_verb(lost.total, 'this commit', 'these commits')}.",
        )
    return "the same commit", Colour.GOOD, "Both were built from the same commit, so the code does not differ."


def _side(side: Side, *, name: str, shown: int, service: Service, catalog: Catalog) -> str:
    """How much of it concerns the service, and the newest commits."""
    if not side.total:
        return ""
    lines = [name, _concerned(side, service=service)]
    lines += [_line(one, catalog=catalog) for one in side.commits[:shown]]
    if side.total > shown:
        lines.append(f"and {side.total - shown} older ones")
    return "\n".join(filter(None, lines))


def _concerned(side: Side, *, service: Service) -> str:
    """The service's share of commits that all services have in one repository."""
    if any(one.touches is None for one in side.commits):
        return ""
    touching = sum(one.touches is True for one in side.commits)
    newest = "" if side.total == len(side.commits) else "the newest "
    files = f"{'at least ' if side.files_cut else ''}{side.files} file{_verb(side.files, '', 's')}"
    touch = _verb(touching, "touches", "touch")
    return f"🔹 {touching} of {newest}{_number(len(side.commits))} {touch} {code(service.directory, 80)} · {files}"


def _line(one: Commit, *, catalog: Catalog) -> str:
    """A commit, its author, its pull request."""
    pull = f" · {_linked(one.pull, catalog=catalog)}" if one.pull else ""
    by = f" by {plain(one.author, _NAME)}" if one.author else ""
    return f"{_MARKS[one.touches]} {link(one.subject or one.revision[:7], one.url, limit=_SUBJECT)}{by}{pull}"


def _pulls(commits: tuple[Commit, ...], *, catalog: Catalog) -> str:
    """The pull requests that say more than their commit does, each once, the newest first."""
    known = [
        *{one.pull.number: one.pull for one in reversed(commits) if one.pull and _says_more(one.pull, one)}.values()
    ]
    known.reverse()
    lines = [_pull(one, catalog=catalog) for one in known[:PULLS]]
    if len(known) > PULLS:
        lines.append(f"and {len(known) - PULLS} more")
    return "\n".join(lines)


def _says_more(pull: Pull, commit: Commit) -> bool:
    """A squashed one has the subject and the author of its commit, whose line has its number."""
    return bool(pull.title) and (pull.title, pull.author) != (commit.subject, commit.author)


def _pull(one: Pull, *, catalog: Catalog) -> str:
    by = f" by {plain(one.author, _NAME)}" if one.author else ""
    return f"{_linked(one, catalog=catalog)} {plain(one.title, _SUBJECT)}{by}"


def _linked(one: Pull, *, catalog: Catalog) -> str:
    return f"[#{one.number}]({catalog.pull_page(one.number)})"


def _version(version: Version) -> str:
    built = images.built_at(version.tag)
    place = f"**{version.environment}** " if version.environment else ""
    return f"{place}{code(version.tag, _TAG)}{f' built {ago(built)}' if built else ''}"


def _footer(found: Comparison, *, whole: bool) -> str:
    return " · ".join(
        filter(
            None,
            (
                "The file has more." if whole else "",
                "Pull requests are those that commits name." if found.named_only else "",
            ),
        )
    )


def _file(found: Comparison) -> str:
    """Every commit that GitHub told, a line each."""
    return "\n".join([*_part("in", found.gained), *_part("out", found.lost), ""])


def _part(word: str, side: Side) -> Iterator[str]:
    if not side.total:
        return
    yield f"{_number(side.total)} {word}; * changes the service"
    for one in side.commits:
        pull = f" #{one.pull.number}" if one.pull else ""
        yield f"{'*' if one.touches else ' '} {one.revision[:10]} {one.subject} ({one.author}){pull}"
    if side.total > len(side.commits):
        yield f"  and {side.total - len(side.commits)} older ones"


def _number(count: int) -> str:
    return f"{count} commit{_verb(count, '', 's')}"


def _verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
