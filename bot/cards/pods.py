"""The answer to /pods: the one that is in trouble first, and why; what is fine in one short line each."""

from collections.abc import Mapping

from bot.cards.base import Card, Colour
from bot.cards.text import ago, code, command, plain
from bot.domain import images, rollouts
from bot.domain.events import Pod

MOST = 20
_TAG, _SHORT = 40, 20


def render(environment: str, *, service: str | None, pods: Mapping[str, tuple[Pod, ...]]) -> Card:
    """The pods of every service, or of one."""
    place = " → ".join(filter(None, (service, environment)))
    known = {pod.name: name for name, found in pods.items() for pod in found}
    worst = rollouts.worst_first(pod for found in pods.values() for pod in found)
    if not worst:
        text = (
            f"Nothing runs here. {command('events', environment=environment, service=service)} may say why."
            if pods
            else "There is no such Deployment here."
        )
        return Card(title=f"{place} · no pods", colour=Colour.WAITING, description=text)
    ready = sum(pod.ready and not pod.terminating for pod in worst)
    wanted = sum(not pod.terminating for pod in worst)
    first = worst[0]
    trouble = first.reason if first.reason and not first.ready else ""
    lines = [_line(pod, service=known[pod.name], alone=service is not None) for pod in worst[:MOST]]
    if len(worst) > MOST:
        lines.append(f"and {len(worst) - MOST} more")
    if first.last_exit and not first.ready:
        how = command("logs", environment=environment, service=known[first.name], previous="True")
        lines.append(f"**Next** {how} shows how it ended.")
    return Card(
        title=" · ".join(filter(None, (place, f"{ready}/{wanted} ready", plain(trouble or "", 60)))),
        colour=_colour(trouble=bool(trouble), complete=ready == wanted),
        description="\n".join(lines),
    )


def _line(pod: Pod, *, service: str, alone: bool) -> str:
    """One pod: how it is, which one, what it runs, since when and where; of one in trouble also how it ended.

    The tag is in full on a line of its own where one service was asked for, and where a pod is in trouble.
    """
    mark = "🗑️" if pod.terminating else "✅" if pod.ready else "❌" if pod.reason else "⏳"
    state = "" if pod.ready else plain("terminating" if pod.terminating else pod.reason or "starting", 60)
    restarts = f"{pod.restarts} restart{'s' if pod.restarts != 1 else ''}" if pod.restarts else ""
    age = ago(pod.created_at) if pod.created_at else ""
    full = alone or not pod.ready
    tag = pod.image.tag or ""
    short = "" if full else code(images.short_revision(tag) or tag, _SHORT)
    name = " ".join(filter(None, ("" if alone else f"**{service}**", code(pod.name.removeprefix(f"{service}-"), 40))))
    told = " · ".join(filter(None, (state, restarts, plain(pod.node, 60), age)))
    more = " · ".join(filter(None, (code(tag, _TAG) if full else "", "" if pod.ready else plain(pod.last_exit, 60))))
    return "\n".join(filter(None, (" ".join(filter(None, (mark, name, short, told))), more)))


def _colour(*, trouble: bool, complete: bool) -> Colour:
    if trouble:
        return Colour.BAD
    return Colour.GOOD if complete else Colour.RUNNING
