"""The answer to /registry check: can the pipeline push, and will what runs stay? What is not known is said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.cards.base import Card, Colour
from bot.cards.text import ago, code, link, paragraphs, plain
from bot.domain.lifecycle import Expiry
from bot.domain.reasons import Refused

_TAG = 60
_THREATS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """An image that is used and that a lifecycle rule will delete soon."""

    tag: str
    environments: tuple[str, ...]
    expiry: Expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The newest push that the pipeline reported, however it ended."""

    at: datetime
    succeeded: bool
    environment: str
    url: str | None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One service's repository. `refused` is why nothing could be read; what the registry does not tell is None.

    `rules` counts the lifecycle rules, `unclear` those that the bot cannot compute. `denied` are missing rights.
    """

    service: str
    refused: Refused | None = None
    newest: datetime | None = None
    tags: int = 0
    mutable: bool | None = None
    rules: int | None = None
    unclear: int = 0
    threats: tuple[Threat, ...] = ()
    denied: tuple[str, ...] = ()
    push: Push | None = None

    @property
    def push_failed(self) -> bool:
        """Whether the newest push that is known failed, and nothing was pushed after it."""
        return self.push is not None and not self.push.succeeded and (not self.newest or self.newest < self.push.at)

    @property
    def broken(self) -> bool:
        """Whether a push fails, or nothing can be read."""
        return self.refused is not None or self.push_failed or self.mutable is False


def render(found: Iterable[Standing]) -> Card:
    """One paragraph for each service, those with a problem first."""
    standings = sorted(found, key=lambda one: (not one.broken, not one.threats))
    broken = sum(one.broken or bool(one.threats) for one in standings)
    unsure = any(one.unclear or one.denied or one.rules is None for one in standings)
    ids = [one.refused.log_id for one in standings if one.refused]
    colour = Colour.WAITING if broken else Colour.QUIET if unsure else Colour.GOOD
    if any(one.broken for one in standings):
        colour = Colour.BAD
    words = f"{broken} of {len(standings)} need a look" if broken else _readable(len(standings))
    limits = ["Whether the pipeline's role may push is not known here: the bot only reads, and tells what it saw."]
    if any(one.rules is None and not one.refused and not one.denied for one in standings):
        limits.append("This registry does not tell which tags can be overwritten and what is deleted when.")
    return Card(
        title=f"Registry · {words}",
        colour=colour,
        description=paragraphs([*map(_standing, standings), "\n".join(limits)]),
        footer=f"error {', '.join(dict.fromkeys(ids))}" if ids else "",
    )


def _standing(one: Standing) -> str:
    mark = "❌" if one.broken else "⚠️" if one.threats or one.unclear or one.denied else "✅"
    if one.refused is not None:
        return "\n".join([f"{mark} **{one.service}** {one.refused.sentence}", *_push(one)])
    newest = f"newest image {ago(one.newest)}" if one.newest else "no image of the pipeline yet"
    facts = [newest, f"{one.tags:,} tags", *_keeping(one)]
    lines = [f"{mark} **{one.service}** {' · '.join(facts)}", *_push(one)]
    if one.mutable is False:
        lines.append("Tags cannot be overwritten here, so a push of `latest` is refused.")
    lines += [_threat(threat) for threat in one.threats[:_THREATS]]
    if len(one.threats) > _THREATS:
        lines.append(f"and {len(one.threats) - _THREATS} more images")
    if one.denied:
        lines.append(f"Not known without {', '.join(code(right, 60) for right in one.denied)}.")
    return "\n".join(lines)


def _keeping(one: Standing) -> list[str]:
    if one.rules is None:
        return []
    if not one.rules and not one.unclear:
        return ["nothing is deleted by rule"]
    unclear = f", {one.unclear} of them not understood" if one.unclear else ""
    number = one.rules + one.unclear
    return [f"{number} lifecycle rule{'s' if number != 1 else ''}{unclear}"]


def _push(one: Standing) -> list[str]:
    if one.push is None:
        return ["The pipeline has reported no push yet."]
    how = "worked" if one.push.succeeded else "failed"
    run = f" · {link('run', one.push.url)}" if one.push.url else ""
    line = f"The last push for **{one.push.environment}** {how} {ago(one.push.at)}{run}"
    return [line, *([plain(one.push.message, 160)] if one.push.message and not one.push.succeeded else [])]


def _threat(threat: Threat) -> str:
    """When an image goes, and who misses it then."""
    expiry = threat.expiry
    if expiry.at is not None:
        when = ago(expiry.at)
    elif expiry.pushes:
        when = f"after {expiry.pushes} more push{'es' if expiry.pushes != 1 else ''}"
    else:
        when = "at its next run"
    places = ", ".join(f"**{name}**" for name in threat.environments)
    return f"🗑️ {code(threat.tag, _TAG)} of {places} is deleted by rule {expiry.priority} {when}"


def _readable(number: int) -> str:
    return "1 repository is readable" if number == 1 else f"{number} repositories are readable"
