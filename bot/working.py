"""What works in the background: the step functions for each kind of operation, and the watches of each Argo CD."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from bot.connections import Connections
from bot.domain.catalog import Catalog
from bot.domain.operations import OperationKind
from bot.services import refreshes
from bot.services.deployments import Deployer
from bot.services.manifests import Manifests
from bot.services.observations import Observer
from bot.services.reruns import Rerunner
from bot.services.restarts import Restarter
from bot.services.steps import Steps
from bot.services.terminations import Terminator
from bot.services.watches import Watch
from bot.services.workers import Step
from bot.storage.engine import Database


def steps_of(
    outside: Connections, *, steps: Steps, observer: Observer, manifests: Manifests, grace: timedelta
) -> Mapping[OperationKind, Step]:
    """One step function for each kind. `grace` is how long an order may take to show."""
    argocds, clusters, github = outside.argocds, outside.clusters, outside.github
    deployer = Deployer(
        steps=steps, argocds=argocds, github=github, clusters=clusters, manifests=manifests, grace=grace
    )
    refresh = partial(
        refreshes.step, database=steps.database, observer=observer, catalog=steps.catalog, clock=steps.clock
    )
    return {
        OperationKind.DEPLOY: deployer.step,
        OperationKind.ROLLBACK: deployer.step,
        OperationKind.REFRESH: refresh,
        OperationKind.RESTART: Restarter(steps=steps, argocds=argocds, clusters=clusters, grace=grace).step,
        OperationKind.TERMINATE: Terminator(steps=steps, argocds=argocds).step,
        OperationKind.RERUN: Rerunner(steps=steps, github=github, grace=grace).step,
    }


def watches_of(
    outside: Connections,
    *,
    database: Database,
    catalog: Catalog,
    clock: Callable[[], datetime],
    observe: Callable[[str, str], None],
    pause: timedelta,
) -> dict[str, Callable[[], Awaitable[None]]]:
    """The endless watch of each Argo CD, by the name of its loop."""
    return {
        f"watch-{name}": Watch(
            database,
            name=name,
            argocd=argocd,
            environments=[place for place in catalog.environments.values() if place.argocd == name],
            clock=clock,
            observe=observe,
            pause=pause,
        ).run
        for name, argocd in outside.argocds.items()
    }
