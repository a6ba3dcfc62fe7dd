"""Facts told to a release one after the other, and what it says after each."""

from collections.abc import Sequence

from bot.domain import releases
from bot.domain.events import ApplicationObserved, JobReported, RunReported, RunStatus, StageReported
from bot.domain.releases import Release, ReleaseState
from tests.domain.examples import ELSEWHERE, OLD_TAG, after, image, pod, release, run, seen, sync, workload

Fact = RunReported | JobReported | StageReported | ApplicationObserved
LONG_AGO = sync(request_id=None, services=None, revision=ELSEWHERE, started_at=after(-900), finished_at=after(-890))
OVER = run(status=RunStatus.COMPLETED, conclusion="success", updated_at=after(140))


def told(*events: Fact, begin: Release | None = None) -> Release:
    """The release after these facts."""
    known = begin or release()
    for event in events:
        known = releases.apply(known, event)
    return known


def states(events: Sequence[Fact], *, begin: Release | None = None) -> list[ReleaseState]:
    """The state after each of these facts."""
    known, found = begin or release(), []
    for event in events:
        known = releases.apply(known, event)
        found.append(releases.state(known))
    return found


def idle(*, desired: str = OLD_TAG, live: str = OLD_TAG, at: float) -> ApplicationObserved:
    """A read while nothing happens in Argo CD: Git asks for one image and pods run another, or the same."""
    pods = tuple(pod(number, image=image(live)) for number in range(3))
    work = workload(desired=image(desired), live=image(live), changed=desired != live, pods=pods)
    return seen(work, operation=LONG_AGO, observed_at=after(at), reconciled_at=after(at))
