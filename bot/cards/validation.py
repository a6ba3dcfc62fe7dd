"""The answer to /validate: what is wrong with an overlay, each with its file and line, or what it would apply."""

from collections.abc import Iterator, Mapping

from bot.cards.base import Attachment, Button, Card, Colour, Field
from bot.cards.text import code, duration, length, link, paragraphs, plain
from bot.domain import images
from bot.domain.catalog import Catalog, Environment
from bot.domain.validations import Checked, Problem, Validation

SHOWN = 10
"""Problems in the card; where there are more, or they are long, all that were listed are in a file."""
ROOM = 3000
KINDS, OTHERS = 12, 6
_TEXT = 160
_PATH = 90
_NAME = 60
_TAG = 60


def render(found: Validation, *, environment: Environment, catalog: Catalog) -> Card:
    """The card; green when it builds and nothing stands against a schema."""
    checked = found.checked
    good, builds = not checked.total, bool(checked.kubernetes)
    place = environment.name
    words = "valid" if good else _number(checked.total, "problem") + ("" if builds else ", does not build")
    commit = link(found.revision[:7], catalog.commit_page(found.revision))
    tags = "\n".join(_images(checked.images, catalog=catalog))
    problems = "\n".join(_problems(found, catalog=catalog))
    whole = len(checked.problems) > SHOWN or length(problems) > ROOM
    return Card(
        title=f"{place} · {words}",
        colour=Colour.GOOD if good else Colour.BAD,
        description=paragraphs(
            [
                f"{commit} {plain(found.subject, 80)}".strip(),
                problems,
                "\n".join(_objects(checked)),
            ]
        ),
        fields=(Field(name="Images", value=tags),) if tags and good else (),
        buttons=(Button(label="Commit", url=catalog.commit_page(found.revision)),),
        footer=_footer(found, whole=whole),
        attachment=Attachment(name=f"{place}-{found.revision[:7]}.txt", text=_file(checked)) if whole else None,
    )


def _problems(found: Validation, *, catalog: Catalog) -> Iterator[str]:
    checked = found.checked
    for problem in checked.problems[:SHOWN]:
        yield f"❌ {_where(problem, revision=found.revision, catalog=catalog)}: {plain(problem.text, _TEXT)}"
    if checked.total > SHOWN:
        yield f"and {checked.total - SHOWN} more"


def _where(problem: Problem, *, revision: str, catalog: Catalog) -> str:
    """File and line, then the object and the place in it; only these where nobody knows the file."""
    parts = []
    if problem.file:
        label = f"{problem.file}:{problem.line}" if problem.line else problem.file
        # The end of a path tells more than its beginning.
        label = label if len(label) <= _PATH else f"…{label[1 - _PATH :]}"
        parts.append(link(label, catalog.file_page(revision, problem.file, line=problem.line)))
    parts += [plain(problem.subject, _NAME), code(problem.place, _PATH)]
    return " ".join(filter(None, parts)) or "The overlay"


def _objects(checked: Checked) -> Iterator[str]:
    if checked.kubernetes:
        number = sum(checked.kinds.values())
        yield f"{_number(number, 'object')}: {_counted(checked.kinds)}" if number else "No object comes of it."
    if checked.unchecked:
        number = sum(checked.unchecked.values())
        yield f"⚪ Not checked: {_number(number, 'object')} of kinds without a schema: {_counted(checked.unchecked)}"


def _counted(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{number} {plain(name, _NAME)}" for name, number in ordered[:KINDS]]
    return ", ".join([*shown, *(["..."] if len(ordered) > KINDS else [])])


def _images(references: tuple[str, ...], *, catalog: Catalog) -> Iterator[str]:
    """The image of every service, then the others."""
    known = {catalog.image_of(service): service for service in catalog.services}
    parsed = [images.parse(reference) for reference in references]
    for image in parsed:
        if image.repository in known:
            tag = code(image.tag or "", _TAG) or "no tag"
            yield f"{known[image.repository]} {tag}{' and a digest' if image.digest else ''}"
    others = [code(str(image), 100) for image in parsed if image.repository not in known]
    yield from others[:OTHERS]
    if len(others) > OTHERS:
        yield f"and {len(others) - OTHERS} more"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _footer(found: Validation, *, whole: bool) -> str:
    version = found.checked.kubernetes
    parts = [
        f"schemas of Kubernetes {version}" if version else "not checked against schemas, since it does not build",
        f"{_number(found.files, 'file')} in {duration(found.seconds)}",
        "the file lists the problems" if whole else "",
    ]
    return " · ".join(filter(None, parts))


def _file(checked: Checked) -> str:
    """Every problem that was listed, one in a line, as compilers write them."""
    lines = [
        ": ".join(
            filter(
                None,
                [
                    f"{problem.file}:{problem.line}" if problem.line else problem.file,
                    f"{problem.subject} {problem.place}".strip(),
                    problem.text,
                ],
            )
        )
        for problem in checked.problems
    ]
    more = [f"and {checked.total - len(lines)} more"] if checked.total > len(lines) else []
    return "\n".join([*(" ".join(line.split()) for line in lines), *more]) + "\n"
