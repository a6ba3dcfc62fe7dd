"""The answer to /history: what was deployed, by whom and with whose consent, newest first.

Two records are joined. Argo CD's has full syncs only, whoever ordered them; the bot's has all of its own deploys, those
of a single service too, with the people behind them.
"""

from bot.cards.base import Card, Colour
from bot.cards.text import ago, code, link, paragraphs, plain
from bot.domain.catalog import Catalog, Environment
from bot.domain.inspections import Past
from bot.domain.reasons import SENTENCES

_TAG = 30
_IMAGES = 5
_WHY = 200


def render(found: tuple[Past, ...], *, environment: Environment, service: str | None, catalog: Catalog) -> Card:
    """One short paragraph for each deploy."""
    place = " → ".join(filter(None, (service, environment.name)))
    if not found:
        text = "Neither Argo CD nor the bot remembers a deploy."
        return Card(title=f"{place} · no history", colour=Colour.QUIET, description=text)
    alone = any(not one.in_argocd for one in found)
    return Card(
        title=f"{place} · history",
        colour=Colour.QUIET,
        description=paragraphs(_entry(one, catalog=catalog) for one in found),
        footer="Deploys of one service are in the bot's record only, not in Argo CD's history." if alone else "",
        url=environment.page,
    )


def _entry(one: Past, *, catalog: Catalog) -> str:
    mark = "✅" if one.succeeded else "❌"
    commit = link(one.revision[:7], catalog.commit_page(one.revision)) if one.revision else ""
    what = "everything" if one.service is None else one.service
    first = f"{mark} **{what}** {commit} {ago(one.at)}"
    lines = [first, _back(one), *_what(one), _who(one)]
    if one.reason is not None:
        lines.append(SENTENCES[one.reason])
    return "\n".join(filter(None, lines))


def _back(one: Past) -> str:
    """That it went back and why; '' for a deploy."""
    if one.rollback is None:
        return ""
    mark = "🚨" if one.rollback.emergency else "⏪"
    words = "rolled back" if one.succeeded else "was to be rolled back"
    return f"{mark} {words}: {plain(one.rollback.why, _WHY)}"


def _what(one: Past) -> list[str]:
    if not one.images:
        return [plain(one.subject, 80)] if one.subject else []
    lines = []
    for change in one.images[:_IMAGES]:
        old, new = (image.version if image else None for image in (change.old, change.new))
        name = "" if one.service else f"{change.service} "
        tags = f"{code(old or 'nothing', _TAG)} → {code(new or 'nothing', _TAG)}" if old != new else "configuration"
        lines.append(f"{name}{tags}")
    if len(one.images) > _IMAGES:
        lines.append(f"and {len(one.images) - _IMAGES} more services")
    return lines


def _who(one: Past) -> str:
    if one.foreign:
        return f"by {plain(one.asked_by or 'somebody', 60)}, not through the bot"
    approved = " and ".join(plain(name, 40) for name in one.approved_by)
    return f"asked by {plain(one.asked_by, 40)}" + (f" · approved by {approved}" if approved else "")
