"""What people see who look: every answer to /status, /pods, /logs, /events, /diff, /history, /windows and /validate."""

from collections.abc import Iterator
from dataclasses import replace

from bot.cards import diff, events, history, logs, pods, status, validation, windows
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain import images
from bot.domain.contents import ImageChange, Resource
from bot.domain.events import ApplicationObserved, Health, Phase, Pod, ResourceResult, Workload
from bot.domain.inspections import (
    Change,
    ClusterEvent,
    Diff,
    LogRead,
    Past,
    ResourceDiff,
    SyncWindow,
    SyncWindows,
)
from bot.domain.operations import OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Checked, Problem, Validation
from tests.cards import story
from tests.cards.places import SERVICES, catalog
from tests.cards.story import after, operation, seen, sync

CATALOG = catalog()
DEV, STAGING, PROD = CATALOG.environments.values()
TICKETS = "ticket-service"
OTHER_TAG = "0a1b2c3-20260102-101500"
DONE = operation(OperationState.SUCCEEDED, updated_at=after(600))
QUIET = EnvironmentStatus(environment=PROD, observed=None, failure=None, operations=())
HOSTILE = "@everyone **[here](http://evil.test)** `x`"


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {
        "status": _statuses(),
        "pods": _pods(),
        "logs": _logs(),
        "events": _events(),
        "diff": _diffs(),
        "history": _histories(),
        "windows": _windows(),
        "validation": _validations(),
    }
    return {f"looks/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _all(observed: ApplicationObserved) -> ApplicationObserved:
    """The same read with every service in it; the others run what they shall."""
    [tickets] = observed.workloads
    others = (_runs(tickets, name) for name in SERVICES if name != TICKETS)
    workloads = (tickets, *others)
    return replace(observed, workloads=tuple(sorted(workloads, key=lambda workload: workload.service)))


def _runs(like: Workload, service: str) -> Workload:
    image = images.parse(f"registry/tiketi-{service}:{OTHER_TAG}")
    running = tuple(
        Pod(name=f"{service}-{number}", image=image, ready=True, restarts=0) for number in range(like.replicas)
    )
    healthy = replace(like, service=service, desired=image, live=image, changed=False, available=len(running))
    return replace(healthy, health=Health.HEALTHY, pods=running)


def _statuses() -> Iterator[tuple[str, Card]]:
    configured = ResourceResult(kind="Deployment", name="backend", status="Synced", message="backend configured")
    foreign = replace(sync(Phase.SUCCEEDED, started=40, finished=45), initiated_by="admin", results=(configured,))
    waiting = operation(OperationState.WAITING)
    behind = replace(
        QUIET, observed=_all(seen(110, ready=3, operation=foreign)), operations=(waiting,), deploys=(DONE,)
    )
    runs = replace(QUIET, observed=_all(seen(610, live=story.TAG, ready=3)), deploys=(DONE,))
    broken = seen(900, live=story.TAG, ready=1, health=Health.DEGRADED, reason="CrashLoopBackOff")
    unread = replace(QUIET, environment=DEV)
    silent = replace(runs, environment=STAGING, failure=Reason.ARGOCD_UNREACHABLE)
    blind = replace(runs, observed=replace(_all(seen(110, live=story.TAG)), cluster_error="cluster_unreachable"))
    running = replace(sync(Phase.RUNNING, message="one or more tasks are running"), initiated_by="admin")
    busy = replace(runs, observed=_all(seen(510, live=story.TAG, ready=3, operation=running)))
    under_way = (
        operation(OperationState.WAITING, service=None),
        operation(OperationState.RUNNING, kind=OperationKind.RESTART, service="backend", requested_name="jisoo"),
    )
    many = tuple(replace(runs, environment=replace(PROD, name=f"prod-{number:02}")) for number in range(25))
    yield "one", status.render((behind,), service=None)
    yield "several", status.render((replace(runs, environment=STAGING), behind), service=None)
    yield "many", status.render(many, service=None, more=75)
    yield "service", status.render((behind,), service=TICKETS)
    yield "service-everywhere", status.render((replace(runs, environment=STAGING), behind), service=TICKETS)
    yield "service-missing", status.render((runs,), service="chat")
    yield "trouble", status.render((replace(runs, observed=_all(broken)),), service=None)
    yield "failure", status.render((unread, silent), service=None)
    yield "no-cluster", status.render((blind,), service=None)
    yield "foreign-sync", status.render((busy,), service=None)
    yield "under-way", status.render((replace(runs, operations=under_way),), service=None)
    yield "nothing", status.render((), service=None)


def _pods() -> Iterator[tuple[str, Card]]:
    image = images.parse(f"registry/tiketi-ticket-service:{story.TAG}")
    fine = Pod(name="ticket-service-7c9-abc", image=image, ready=True, restarts=0, node="node-1", created_at=after(0))
    crashed = replace(
        fine,
        name="ticket-service-7c9-xyz",
        ready=False,
        restarts=4,
        reason="CrashLoopBackOff",
        last_exit="Error, exit code 1",
    )
    starting = replace(fine, name="ticket-service-7c9-new", ready=False, reason="ContainerCreating", node="")
    leaving = replace(fine, name="ticket-service-5b1-old", terminating=True)
    backend = replace(fine, name="backend-5d4-qrs", image=images.parse("registry/tiketi-backend:latest"), restarts=1)
    many = tuple(replace(fine, name=f"ticket-service-7c9-{number:03}") for number in range(30))
    yield "all", pods.render("prod", service=None, pods={"backend": (backend,), TICKETS: (fine, leaving)})
    yield "service", pods.render("prod", service=TICKETS, pods={TICKETS: (fine,)})
    yield "starting", pods.render("prod", service=TICKETS, pods={TICKETS: (fine, replace(starting, reason=None))})
    yield "trouble", pods.render("prod", service=None, pods={"backend": (backend,), TICKETS: (starting, fine, crashed)})
    yield "many", pods.render("prod", service=None, pods={TICKETS: many})
    yield "none", pods.render("prod", service=TICKETS, pods={TICKETS: ()})
    yield "no-deployment", pods.render("prod", service=TICKETS, pods={})


def _logs() -> Iterator[tuple[str, Card]]:
    lines = ("server listens on 8080", "GET /health 200 2 ms", HOSTILE, "a line with ``` in it")
    read = LogRead(pod="backend-5d4-qrs", container="backend", previous=False, lines=lines, cut=False)
    many = tuple(f"line {number} of a log that nobody reads in a chat" for number in range(60))
    for name, found, pattern in (
        ("lines", read, ""),
        ("searched", read, "HEALTH"),
        ("found-nothing", read, "panic"),
        ("previous", replace(read, previous=True, container="proxy"), ""),
        ("empty", replace(read, lines=()), ""),
        ("file", replace(read, lines=many, cut=True), ""),
    ):
        yield name, logs.render(found, environment="prod", service="backend", pattern=pattern)


def _events() -> Iterator[tuple[str, Card]]:
    scheduled = ClusterEvent(
        at=after(1), warning=False, reason="Scheduled", message="to node-1", kind="Pod", name="backend-5d4-qrs"
    )
    crashed = replace(
        scheduled, at=after(30), warning=True, reason="BackOff", message=f"back-off 40s {HOSTILE}", count=7
    )
    synced = replace(scheduled, at=after(0), reason="OperationStarted", message="admin initiated sync to 4d5e6f7")
    of_application = replace(synced, kind="Application", name="tiketi-prod")
    silent = Refused(Reason.ARGOCD_UNREACHABLE, log_id="0123abcd")
    found = (of_application, scheduled, crashed)
    yield "all", events.render("prod", service=None, found=found, missing=())
    yield "service", events.render("prod", service="backend", found=found[1:], missing=())
    yield "none", events.render("prod", service=None, found=(), missing=())
    yield "part-missing", events.render("prod", service=None, found=found[1:], missing=(silent,))
    yield "cut", events.render("prod", service=None, found=found, missing=(), cut=True)


def _diffs() -> Iterator[tuple[str, Card]]:
    deployment = Resource(group="apps", kind="Deployment", namespace="tiketi", name=TICKETS)
    changed = ResourceDiff(
        resource=deployment,
        services=frozenset({TICKETS}),
        change=Change.CHANGED,
        text=f"@@ -20 +20 @@\n-        image: tickets:{story.OLD_TAG}\n+        image: tickets:{story.TAG}",
    )
    config = replace(deployment, group="", kind="ConfigMap", name="ticket-service-config")
    created = replace(changed, resource=config, change=Change.CREATED, text="+data:\n+  HOLD_MINUTES: '10'")
    pruned = replace(
        changed, resource=replace(config, name="ticket-service-old"), change=Change.PRUNED, text="-data:\n-  A: b"
    )
    long = replace(changed, text="\n".join(f"+  KEY_{number}: value" for number in range(100)))
    for name, resources, service in (
        ("agrees", (), None),
        ("changes", (pruned, changed, created), None),
        ("service", (changed,), TICKETS),
        ("only-left-over", (pruned,), None),
        ("file", (long, created), None),
    ):
        found = Diff(revision=story.MANIFEST, resources=resources)
        yield name, diff.render(found, environment=PROD, service=service, catalog=CATALOG)


def _histories() -> Iterator[tuple[str, Card]]:
    ours = Past(
        at=after(600),
        revision=story.MANIFEST,
        service=TICKETS,
        asked_by="mina",
        approved_by=("jiwon",),
        images=(ImageChange(service=TICKETS, old=story.image(story.OLD_TAG), new=story.image(story.TAG)),),
        succeeded=True,
        in_argocd=False,
    )
    failed = replace(ours, at=after(500), succeeded=False, reason=Reason.ROLLOUT_FAILED)
    two = (*ours.images, ImageChange(service="backend", old=story.image(OTHER_TAG), new=story.image(OTHER_TAG)))
    everything = replace(ours, at=after(400), service=None, images=two, in_argocd=True)
    back = Rollback(way=Way.TAG, why=f"payments fail {HOSTILE}")
    gone = replace(ours, rollback=back)
    kept = replace(failed, rollback=replace(back, emergency=True))
    foreign = Past(
        at=after(0),
        revision="a" * 40,
        service=None,
        asked_by="admin",
        subject=f"chore: {HOSTILE}",
        succeeded=True,
        in_argocd=True,
        foreign=True,
    )
    for name, found, service in (
        ("all", (ours, failed, everything, foreign), None),
        ("service", (ours,), TICKETS),
        ("rolled-back", (gone, kept), TICKETS),
        ("foreign", (foreign,), None),
        ("none", (), None),
    ):
        yield name, history.render(found, environment=PROD, service=service, catalog=CATALOG)


def _windows() -> Iterator[tuple[str, Card]]:
    weekend = SyncWindow(
        kind="deny", schedule="0 18 * * 5", duration="60h", time_zone="Asia/Seoul", manual_sync=False, active=False
    )
    nightly = replace(weekend, kind="allow", schedule="0 2 * * *", duration="1h30m", time_zone="UTC")
    by_hand = replace(weekend, manual_sync=True, active=True)
    for name, can_sync, found in (
        ("open", True, (weekend, nightly)),
        ("closed", False, (replace(weekend, active=True), nightly)),
        ("by-hand", True, (by_hand,)),
        ("many", True, (nightly,) * 20),
        ("none", True, ()),
    ):
        yield name, windows.render("prod", found=SyncWindows(can_sync=can_sync, windows=found))


def _validations() -> Iterator[tuple[str, Card]]:
    tagged = tuple(f"{CATALOG.image_of(service)}:{story.TAG}" for service in SERVICES)
    good = Checked(kinds={"Deployment": 5, "Service": 5, "Ingress": 1}, images=tagged, kubernetes="1.37")
    wrong = Problem(
        text="has to be a whole number, and is a text",
        file="k8s/overlays/prod/patch.yaml",
        line=7,
        subject="Deployment/backend",
        place="spec.replicas",
    )
    hostile = Problem(text=HOSTILE, file=f"k8s/{HOSTILE}.yaml", line=1, subject=HOSTILE, place=HOSTILE)
    generated = replace(wrong, file="", line=0, subject="ConfigMap/c-5g7h", place="immutable")
    does_not_build = Problem(text="couldn't make target", file="")
    deep = replace(wrong, file="k8s/" + "a-long-directory/" * 8 + "file.yaml", subject="Deployment/" + "x" * 80)
    many = tuple(replace(wrong, line=number) for number in range(1, 13))
    odd = {f"Kind{number} (example.com/v1)": 1 for number in range(15)}
    others = tuple(f"docker.io/library/{name}:1@sha256:{'0' * 64}" for name in "abcdefgh")
    for name, checked in (
        ("good", good),
        ("unchecked", replace(good, unchecked={"Rollout (argoproj.io/v1alpha1)": 2, **odd}, images=others)),
        ("problems", replace(good, problems=(wrong, generated, hostile, deep), total=4)),
        ("long", replace(good, problems=(deep,) * 8, total=8)),
        ("file", replace(good, problems=many, total=33)),
        ("does-not-build", Checked(problems=(does_not_build,), total=1)),
        ("nothing", Checked(kubernetes="1.37")),
    ):
        found = Validation(
            revision=story.MANIFEST, subject=f"fix: seats {HOSTILE}", files=12, seconds=2.4, checked=checked
        )
        yield name, validation.render(found, environment=PROD, catalog=CATALOG)
