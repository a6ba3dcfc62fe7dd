"""The answer to /diff: what a sync would change, object by object; long ones as a file that editors colour."""

from bot.cards.base import Attachment, Card, Colour
from bot.cards.text import fenced, length, link, plain
from bot.domain.catalog import Catalog, Environment
from bot.domain.inspections import Change, Diff, ResourceDiff

SHOWN = 1500
MOST = 15
_MARKS = {Change.CREATED: "🟢", Change.CHANGED: "🟡", Change.PRUNED: "🔴"}


def render(found: Diff, *, environment: Environment, service: str | None, catalog: Catalog) -> Card:
    """The objects with how many lines each gains and loses, and the lines.

    What is no longer in Git is shown behind the rest and counted apart: the bot never prunes, so its syncs leave it.
    """
    place = " → ".join(filter(None, (service, environment.name)))
    commit = link(found.revision[:7], catalog.commit_page(found.revision))
    if not found.resources:
        text = f"Git and the cluster agree at {commit}."
        return Card(title=f"{place} · nothing differs", colour=Colour.GOOD, description=text, url=environment.page)
    staying = tuple(one for one in found.resources if one.change is Change.PRUNED)
    changing = tuple(one for one in found.resources if one.change is not Change.PRUNED)
    resources = (*changing, *staying)
    lines = [_line(one) for one in resources[:MOST]]
    if len(resources) > MOST:
        lines.append(f"and {len(resources) - MOST} more")
    if staying:
        lines.append(
            f"{_objects(len(staying))} no longer in Git stay{'s' if len(staying) == 1 else ''}, unless a sync prunes"
        )
    text = "\n".join(_whole(one) for one in resources)
    fits = length(text) <= SHOWN
    block = fenced(text.splitlines(), limit=SHOWN + 200, language="diff") if fits else ""
    return Card(
        title=f"{place} · {_objects(len(changing)) if changing else 'nothing'} would change",
        colour=Colour.WAITING if changing else Colour.QUIET,
        description="\n".join([f"A sync to {commit}:", *lines, block]).rstrip(),
        footer="" if fits else "The file has every line.",
        url=environment.page,
        attachment=None if fits else Attachment(name=f"{environment.application}.diff", text=f"{text}\n"),
    )


def _objects(number: int) -> str:
    return f"{number} object{'s' if number != 1 else ''}"


def _line(one: ResourceDiff) -> str:
    marks = [line[:1] for line in one.text.splitlines()]
    counts = f"+{marks.count('+')} -{marks.count('-')}"
    pruned = " · not in Git" if one.change is Change.PRUNED else ""
    return f"{_MARKS[one.change]} {plain(f'{one.resource.kind}/{one.resource.name}', 80)} {counts}{pruned}"


def _whole(one: ResourceDiff) -> str:
    return f"# {one.change} {one.resource.kind}/{one.resource.name}\n{one.text}"
