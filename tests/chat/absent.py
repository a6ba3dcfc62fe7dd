"""Who would ask the systems outside, as the desk has them: each says that nobody answers, or what it was told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.domain.operations import OperationState, Way
from bot.domain.reasons import Reason, Refused
from bot.domain.rollbacks import Candidate, Offer, Option, Plan
from bot.services.rollbacks import Planner
from bot.services.tags import TagReader
from tests.cards import story

OUTSIDE = Reason.ARGOCD_UNREACHABLE


class Outside:
    """Whatever the bot asks the world: it does not answer."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def silent(*_args: object, **_options: object) -> object:
            raise Refused(OUTSIDE)

        return silent


class Tags(TagReader):
    """The registry has tags to offer, and says nothing else."""

    async def newest(self, service: str) -> list[str]:
        return [story.TAG]


class Comparing(Outside):
    """The bot has heard of tags."""

    async def tags(self, *, service: str, environments: list[str]) -> list[str]:
        return [story.TAG] if environments else []


class KnownPlan(Planner):
    """Rolling back, where the plan is known: orders are the real ones. It is the real plan where it is not `known`."""

    rolled_back = False
    known = True

    async def plan(self, *, environment: str, service: str, tag: str | None = None) -> Plan:
        if not KnownPlan.known:
            return await super().plan(environment=environment, service=service, tag=tag)
        gone = story.operation(OperationState.SUCCEEDED) if KnownPlan.rolled_back else None
        chosen = Option(candidate=Candidate(tag=story.TAG, proven_at=story.BEGIN, rolled_back=gone), stored=True)
        offers = tuple(Offer(way=way, refused=None if way is Way.TAG else Refused(OUTSIDE)) for way in Way)
        return Plan(
            environment=environment,
            service=service,
            running=story.NEWER_TAG,
            asked=story.NEWER_TAG,
            options=(chosen,),
            chosen=chosen,
            offers=offers,
        )

    async def proven(self, *, environment: str, service: str) -> list[Candidate]:
        return [Candidate(tag=story.TAG, proven_at=story.BEGIN)]


@dataclass(frozen=True)
class NoManifests:
    catalog: Any
