"""What takes each kind of operation further: the step functions that the worker calls, built once."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from bot.connections import Connections
from bot.domain.operations import OperationKind
from bot.services import refreshes
from bot.services.deployments import Deployer
from bot.services.manifests import Manifests
from bot.services.observations import Observer
from bot.services.reruns import Rerunner
from bot.services.restarts import Restarter
from bot.services.steps import Steps
from bot.services.terminations import Terminator
from bot.services.workers import Step


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
