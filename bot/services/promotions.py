"""What may be promoted: the image that pods of one environment run, all of them, healthy."""

from bot.cards.text import command
from bot.domain import images, rollouts
from bot.domain.reasons import SENTENCES, Reason, Refused
from bot.storage import applications
from bot.storage.engine import Database


async def tag(database: Database, *, source: str, target: str, service: str) -> str:
    """The tag that a service runs in the first environment, as it was read last, for the second one.

    Refuses two that are one, a read that is missing or failed, pods of which not every one runs the same image and is
    healthy, and an image whose tag names no commit. What Git asks for there does not matter: only what was seen to run
    has been tried.
    """
    if source == target:
        raise Refused(Reason.SAME_PLACE)
    async with database.reading() as connection:
        known = await applications.get(connection, source)
    seen = known.observation
    if known.failure is not None or seen is None or seen.cluster_error is not None:
        why = SENTENCES[known.failure] if known.failure else "What it runs was not read."
        raise Refused(Reason.NOT_PROVEN, f"({source}) {why}")
    workload = seen.workload(service)
    if workload is None or workload.live is None:
        raise Refused(Reason.NOT_PROVEN, f"({source})")
    if not rollouts.is_deployed(workload, image=workload.live, health_is_fresh=seen.health_is_fresh):
        more = command("status", environment=source, service=service)
        raise Refused(Reason.NOT_PROVEN, f"({source}) {more} says more.", plainly=f"({source})")
    if images.built_at(workload.live.tag) is None:
        raise Refused(Reason.UNTRACEABLE_IMAGE)
    return workload.live.tag or ""
