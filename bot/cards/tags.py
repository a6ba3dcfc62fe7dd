"""The answer to /tags: first what does not agree, then the newest images with who uses each and what is in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.cards.base import Card, Colour
from bot.cards.text import ago, code, link, paragraphs, plain
from bot.domain import images
from bot.domain.catalog import Catalog
from bot.domain.reasons import SENTENCES, Reason, Refused
from bot.domain.tags import LATEST, Findings, Mark, MarkKind, Row, Usage

_TAG = 60
_SUBJECT = 80
_MARKS = 8
_DIGEST = len("sha256:") + 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The commit that an image was built from, as far as it is known; `findings` are those of the pipeline's scan."""

    revision: str
    subject: str = ""
    author: str = ""
    findings: Findings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of a service in one environment: `usage` is None before the first read, `failure` why the newest
    attempt failed, `silent` that the cluster did not answer."""

    environment: str
    usage: Usage | None
    failure: Reason | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is shown. `total` counts the tags of the repository, `elsewhere` those known to be built for other
    environments than the one that was asked about; `refused` is why the registry told nothing.

    `origins` are by digest; for `unread` images GitHub did not tell the commit.
    """

    places: tuple[Place, ...]
    rows: tuple[Row, ...] = ()
    marks: tuple[Mark, ...] = ()
    origins: dict[str, Origin] = field(default_factory=dict)
    total: int = 0
    elsewhere: int = 0
    complete: bool = True
    unread: int = 0
    refused: Refused | None = None


def render(found: Overview, *, service: str, environment: str | None, catalog: Catalog, more: int = 0) -> Card:
    """The images of one service, for one environment or for all that may be seen; `more` of those found no room."""
    place = " → ".join(filter(None, (service, environment)))
    if found.refused is not None:
        return Card(
            title=f"{place} · the registry did not tell",
            colour=Colour.WAITING,
            description="\n".join([f"⚠️ {found.refused.sentence}", *map(_uses, found.places), *_missing(found)]),
            footer=f"error {found.refused.log_id}",
        )
    known = all(one.usage is not None and not one.silent and one.failure is None for one in found.places)
    head = [_mark(mark) for mark in found.marks[:_MARKS]]
    if len(found.marks) > _MARKS:
        head.append(f"and {len(found.marks) - _MARKS} more")
    if not found.total:
        head.append("The repository has no tags yet; the first push of the pipeline makes some.")
    elif not found.marks and known and found.complete:
        head.append("Git, the pods and the registry agree.")
    return Card(
        title=f"{place} · {_words(found)}",
        colour=_colour(found, known=known),
        description=paragraphs(
            ["\n".join(head + _missing(found)), *(_row(row, found, catalog=catalog) for row in found.rows)]
        ),
        footer=_footer(found, more=more),
    )


def _words(found: Overview) -> str:
    words = {
        MarkKind.MISSING: "an image is missing",
        MarkKind.FOREIGN: "an image from elsewhere",
        MarkKind.DRIFT: "Git and the pods differ",
        MarkKind.MOVED: "a tag was moved",
    }
    if found.marks:
        return words[found.marks[0].kind]
    return _number(found.total, "tag") if found.total else "no tags"


def _colour(found: Overview, *, known: bool) -> Colour:
    if any(mark.kind is MarkKind.MISSING for mark in found.marks):
        return Colour.BAD
    if found.marks or not known or not found.complete:
        return Colour.WAITING
    return Colour.GOOD if found.total else Colour.QUIET


def _mark(mark: Mark) -> str:
    """One line that says what, where, and what it should be."""
    place, has, wants = f"**{mark.environment}**", code(mark.has, _TAG), code(mark.wants, _TAG)
    verb = "runs" if mark.runs else "asks for"
    match mark.kind:
        case MarkKind.MISSING:
            return f"❌ {place} {verb} {has}, which the registry no longer has: no new pod can start"
        case MarkKind.FOREIGN:
            return f"⚠️ {place} {verb} {code(mark.has, 120)}, which is not in this repository"
        case MarkKind.DRIFT:
            return f"🟡 {place} Git asks for {wants}, the pods run {has}"
        case MarkKind.MOVED if mark.environment is None:
            return f"⚠️ {code(LATEST, _TAG)} is {has}, but the newest is {wants}"
        case MarkKind.MOVED:
            return f"⚠️ {code(mark.environment or '', _TAG)} is {has}, but Git asks for {wants} there"


def _missing(found: Overview) -> list[str]:
    """Which part did not answer, and what that means for the rest."""
    lines = []
    for place in found.places:
        if place.failure is not None:
            lines.append(f"⚠️ **{place.environment}** {SENTENCES[place.failure]} What was read last is shown.")
        elif place.usage is None:
            lines.append(f"⚠️ **{place.environment}** Nothing is known of this service there yet.")
        if place.silent:
            lines.append(f"⚠️ **{place.environment}** The cluster did not answer, so its pods are not known.")
    if found.unread:
        commits = "1 commit is" if found.unread == 1 else f"{found.unread} commits are"
        lines.append(f"⚠️ GitHub did not tell, so {commits} shown by id only.")
    if not found.complete:
        lines.append("⚠️ The registry has more tags than are read; newer ones may be missing here.")
    return lines


def _uses(place: Place) -> str:
    """What an environment asks for and runs, for when the registry says nothing."""
    if place.usage is None:
        return ""
    asked = code(place.usage.asked.tag or "", _TAG) if place.usage.asked else "nothing"
    running = sorted(image.tag or str(image) for image in place.usage.running or ())
    runs = f" · runs {', '.join(code(tag, _TAG) for tag in running)}" if running else ""
    return f"**{place.environment}** asks for {asked}{runs}"


def _row(row: Row, found: Overview, *, catalog: Catalog) -> str:
    """One image: its tag and age, who uses it, the commit, and what identifies and ails it."""
    image, origin = row.image, found.origins.get(row.image.digest)
    age = ago(image.at) if image.at else "age not known"
    name = code(image.name or image.digest[:_DIGEST], _TAG)
    others = [tag for tag in sorted(image.tags) if tag != image.name]
    findings = image.findings or (origin.findings if origin else None)
    scan = f"{findings.critical} critical · {findings.high} high" if findings else "not scanned"
    digest = code(image.digest[:_DIGEST], _DIGEST) if image.name else ""
    facts = " · ".join(filter(None, (digest, scan, " ".join(code(tag, 30) for tag in others[:4]))))
    return "\n".join(filter(None, (f"{name} {age}", _users(row), _commit(image.name, origin, catalog), facts)))


def _users(row: Row) -> str:
    both = [name for name in row.runs_in if name in row.asked_in]
    only_asked = [name for name in row.asked_in if name not in row.runs_in]
    only_runs = [name for name in row.runs_in if name not in row.asked_in]
    parts = (("✅ runs in", both), ("⏳ asked for in", only_asked), ("▶️ still runs in", only_runs))
    return " · ".join(f"{words} {_bold(names)}" for words, names in parts if names)


def _bold(names: Iterable[str]) -> str:
    return ", ".join(f"**{name}**" for name in names)


def _commit(tag: str, origin: Origin | None, catalog: Catalog) -> str:
    """The subject with a link, and the author; only the id where nobody told more; nothing for any other tag."""
    revision = origin.revision if origin else images.short_revision(tag)
    if not revision:
        return ""
    page = catalog.commit_page(revision)
    if origin is None or not origin.subject:
        return f"Commit {link(revision[:7], page)}"
    return f"{link(origin.subject, page, limit=_SUBJECT)}{f' by {plain(origin.author, 40)}' if origin.author else ''}"


def _footer(found: Overview, *, more: int) -> str:
    parts = [f"{_number(len(found.rows), 'image')} shown", _number(found.total, "tag")] if found.total else []
    if found.elsewhere:
        parts.append(f"{found.elsewhere:,} of them for other environments")
    if more:
        parts.append(f"and {more:,} more environments: name one to see it")
    return " · ".join(parts)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"
