"""Going back: the plan that people choose from, and the order.

The plan is made anew when something is chosen from it, so nobody orders what a card showed an hour ago. What was chosen
becomes an operation like any deploy: consent, a look right before, one commit or one order, and the rollout.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.adapters.argocd import ArgoCD
from bot.domain import images, rollbacks
from bot.domain.catalog import Catalog, Environment
from bot.domain.contents import ImageChange
from bot.domain.events import ApplicationObserved, Phase
from bot.domain.images import Image
from bot.domain.operations import Between, Operation, OperationKind, Rollback, Way
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.domain.rollbacks import Candidate, Offer, Option, Plan
from bot.services import operations
from bot.services.inspections import asked
from bot.services.manifests import Manifests
from bot.services.ways import Ways
from bot.storage import applications
from bot.storage import operations as operation_rows
from bot.storage import proofs as proof_rows
from bot.storage import releases as release_rows
from bot.storage.engine import Database

RELEASES, OPERATIONS = 50, 200
SHOWN = 5
COMPARE_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """What planning needs."""

    database: Database
    manifests: Manifests
    argocds: Mapping[str, ArgoCD]

    @property
    def catalog(self) -> Catalog:
        """What exists."""
        return self.manifests.catalog

    async def plan(self, *, environment: str, service: str, tag: str | None = None) -> Plan:
        """Where the service can go back to, and in which ways: to this `tag`, or to the last one that ran well.

        Refuses when nobody knows what runs (RUNNING_UNKNOWN), when nothing else is known to have run well here
        (NOTHING_PROVEN), and a tag that is not (NOT_PROVEN_HERE).
        """
        place = self.catalog.environments[environment]
        seen, running, candidates = await self._known(environment, service)
        if tag is not None and all(one.tag != tag for one in candidates):
            raise Refused(Reason.NOT_PROVEN_HERE)
        shown = _shown(candidates, tag=tag)
        stored = await self._stored(service, tags=[one.tag for one in shown])
        undone = await asyncio.gather(*(self._undone(service, old=running, tag=one.tag) for one in shown))
        options = tuple(
            Option(candidate=one, stored=None if stored is None else one.tag in stored, undone=between)
            for one, between in zip(shown, undone, strict=True)
        )
        chosen = _chosen(options, tag=tag, running=running, stuck=_is_stuck(seen))
        workload = seen.workload(service)
        return Plan(
            environment=environment,
            service=service,
            running=running.version,
            asked=workload.desired.version if workload and workload.desired else None,
            options=options,
            chosen=chosen,
            offers=await self._offers(chosen, place=place, service=service, seen=seen) if chosen else (),
        )

    async def _offers(
        self, chosen: Option, *, place: Environment, service: str, seen: ApplicationObserved
    ) -> tuple[Offer, ...]:
        """Every way to the chosen candidate."""
        ways = Ways(manifests=self.manifests, argocd=self.argocds[place.argocd], environment=place, service=service)
        offers = await ways.offers(chosen.candidate.tag, seen=seen)
        if chosen.stored is False:
            return tuple(replace(offer, refused=Refused(Reason.TAG_UNKNOWN)) for offer in offers)
        return offers

    async def _stored(self, service: str, *, tags: list[str]) -> frozenset[str] | None:
        """Which of these tags the registry has; None when it does not answer. Whoever writes one asks again."""
        repository = self.catalog.services[service].image
        try:
            found = await asked(self.manifests.registry.images(repository, tags), what="registry")
        except Refused:
            return None
        return frozenset(name for image in found for name in image.tags)

    async def proven(self, *, environment: str, service: str) -> list[Candidate]:
        """What the service ran well here, other than what it runs; nothing for what the topology does not name."""
        if environment not in self.catalog.environments or service not in self.catalog.services:
            return []
        try:
            _, _, candidates = await self._known(environment, service)
        except Refused:
            return []
        return candidates

    async def order(
        self,
        *,
        environment: str,
        service: str,
        tag: str,
        way: Way,
        why: str,
        actor: Actor,
        now: datetime,
        emergency: bool = False,
        told_twice: bool = False,
    ) -> Operation:
        """Store what somebody chose from the plan; a worker takes it from there.

        Refuses what `plan` refuses, a way that is not there (any more), an image that was itself rolled back unless
        `told_twice`, and what `operations.request` refuses.
        """
        plan = await self.plan(environment=environment, service=service, tag=tag)
        if plan.chosen is None or (plan.chosen.candidate.rolled_back is not None and not told_twice):
            raise Refused(Reason.ROLLED_BACK_BEFORE)
        offer = plan.offer(way)
        if offer.refused is not None:
            raise offer.refused
        entry, forward = offer.entry, rollbacks.is_forward(tag, running=plan.running)
        return await operations.request(
            self.database,
            kind=OperationKind.ROLLBACK,
            environment=environment,
            service=service,
            actor=actor,
            catalog=self.catalog,
            now=now,
            tag=None if entry or offer.asked else tag,
            revision=entry.revision if entry else None,
            rollback=Rollback(
                way=way,
                why=why,
                to=tag,
                emergency=emergency and not forward,
                forward=forward,
                reverts=offer.reverts,
                entry=entry.id if entry else None,
            ),
        )

    async def _known(self, environment: str, service: str) -> tuple[ApplicationObserved, Image, list[Candidate]]:
        """The newest read, the image that runs, and what ran well before it."""
        async with self.database.reading() as connection:
            seen = (await applications.get(connection, environment)).observation
            stored = await release_rows.of_service(connection, service=service, environment=environment, limit=RELEASES)
            done = await operation_rows.deploying(connection, environment, limit=OPERATIONS)
            proofs = await proof_rows.of_service(connection, environment=environment, service=service, limit=RELEASES)
        workload = seen.workload(service) if seen else None
        if seen is None or workload is None or workload.live is None:
            raise Refused(Reason.RUNNING_UNKNOWN)
        built = [one.release for one in stored]
        proven = rollbacks.candidates(service, proofs=proofs, releases=built, operations=done)
        # What runs is a way back only where Git asks for something else: then writing it makes the two agree.
        agreeing = workload.desired == workload.live
        traced = [one for one in proven if images.built_at(one.tag) is not None]
        found = [one for one in traced if one.tag != workload.live.tag or not agreeing]
        if not found:
            raise Refused(Reason.NOTHING_PROVEN)
        return seen, workload.live, found

    async def _undone(self, service: str, *, old: Image, tag: str) -> Between | None:
        """The commits that going back takes away, as far as GitHub tells them in time."""
        change = ImageChange(service=service, old=old, new=Image(repository=old.repository, tag=tag))
        try:
            async with asyncio.timeout(COMPARE_SECONDS):
                return await self.manifests.between(change)
        except TimeoutError:
            return None


def _shown(candidates: list[Candidate], *, tag: str | None) -> list[Candidate]:
    """The candidates to show: the newest ones, and the one that was named."""
    newest = candidates[:SHOWN]
    named = [one for one in candidates[SHOWN:] if one.tag == tag]
    return [*newest, *named]


def _chosen(options: tuple[Option, ...], *, tag: str | None, running: Image, stuck: bool) -> Option | None:
    """The one that was named; else the last good one, or None where only what was rolled back is left.

    Where a sync has failed and what runs is proven, that is the one: Git shall ask for it again.
    """
    wanted = [one for one in options if one.candidate.tag == tag]
    good = [one for one in options if one.stored is not False and one.candidate.rolled_back is None]
    mine = [one for one in good if one.candidate.tag == running.tag]
    others = [one for one in good if one.candidate.tag != running.tag]
    return next(iter(wanted or ((mine if stuck else []) or others or mine)), None)


def _is_stuck(seen: ApplicationObserved) -> bool:
    """Whether the newest sync has failed, so that Git may ask for what nobody could apply."""
    return seen.operation is not None and seen.operation.phase in (Phase.FAILED, Phase.ERROR)
