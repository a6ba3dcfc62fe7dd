"""What people look at in an outage is written by strangers: it stays text, fits, and says the worst first."""

import re
from dataclasses import replace

import pytest

from bot.cards import diff, events, history, logs, pods, windows
from bot.cards.base import TOTAL_LIMIT, Card, Colour
from bot.domain import images
from bot.domain.contents import Resource
from bot.domain.events import Pod
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
from bot.domain.reasons import Reason, Refused
from tests.cards import places, story

HOSTILE = "@everyone <@&1> **bold** [here](http://evil.test) ```` \u202e \x1b[31m" + "x" * 3000
CATALOG = places.catalog()
PROD = CATALOG.environments["prod"]
POD = Pod(name="backend-7c9-abc", image=images.parse("repo/backend:tag"), ready=True, restarts=0, node="node-1")
EVENT = ClusterEvent(at=story.after(1), warning=True, reason="BackOff", message="no", kind="Pod", name="backend-1")
NORMAL = replace(EVENT, warning=False)
CHANGED = ResourceDiff(
    resource=Resource(group="apps", kind="Deployment", namespace="tiketi", name="backend"),
    services=frozenset({"backend"}),
    change=Change.CHANGED,
    text="-old\n+new\n+more",
)
PAST = Past(at=story.after(1), revision="a" * 40, service="backend", asked_by="mina", succeeded=True, in_argocd=False)
WINDOW = SyncWindow(kind="deny", schedule="* * * * *", duration="1h", time_zone="UTC", manual_sync=False, active=True)


def told(*, number: int, word: str) -> dict[str, Card]:
    """Every card, with so many things in it and this word wherever a stranger writes."""
    pod = replace(POD, ready=False, reason=word, node=word, last_exit=word, image=images.parse(f"r:{word[:50]}"))
    event = replace(EVENT, reason=word, message=word, kind=word, name=word)
    resource = replace(CHANGED.resource, kind=word, name=word)
    found = Diff(revision="b" * 40, resources=(replace(CHANGED, resource=resource, text=word),) * number)
    past = replace(PAST, asked_by=word, approved_by=(word,), subject=word, reason=Reason.SYNC_FAILED)
    read = LogRead(pod=f"backend-{word}", container=word, previous=False, lines=(word,) * number, cut=True)
    window = replace(WINDOW, kind=word, schedule=word, duration=word, time_zone=word)
    names = [replace(pod, name=f"backend-{index}-{word}") for index in range(number)]
    return {
        "pods": pods.render("prod", service=None, pods={"backend": tuple(names)}),
        "logs": logs.render(read, environment="prod", service="backend", pattern=""),
        "events": events.render("prod", service=None, found=(event,) * number, missing=()),
        "windows": windows.render("prod", found=SyncWindows(can_sync=True, windows=(window,) * number)),
        "diff": diff.render(found, environment=PROD, service=None, catalog=CATALOG),
        "history": history.render((past,) * number, environment=PROD, service=None, catalog=CATALOG),
    }


@pytest.mark.parametrize("kind", told(number=1, word="x"))
@pytest.mark.parametrize("number", [1, 60])
def test_what_strangers_wrote_is_text_and_fits(kind: str, number: int) -> None:
    shown = told(number=number, word=HOSTILE)[kind]

    assert shown.size <= TOTAL_LIMIT
    outside = "".join(part for index, part in enumerate(shown.description.split("```")) if index % 2 == 0)
    bare = re.sub(r"(?<!\\)`[^`]*`", "", outside)  # inline code shows everything letter for letter
    assert re.findall(r"(?<!\\)(?:@everyone|<@&1|\*\*bold|\[here)|[\u202e\x1b]", bare) == []
    assert shown.description.count("```") in (0, 2)


@pytest.mark.parametrize(
    ("found", "title", "colour"),
    [
        ((POD,), "backend → prod · 1/1 ready", Colour.GOOD),
        ((POD, replace(POD, name="b", ready=False)), "backend → prod · 1/2 ready", Colour.RUNNING),
        (
            (POD, replace(POD, name="b", ready=False, reason="OOMKilled")),
            "backend → prod · 1/2 ready · OOMKilled",
            Colour.BAD,
        ),
        ((), "backend → prod · no pods", Colour.WAITING),
    ],
)
def test_the_title_of_pods_says_how_many_are_ready_and_what_is_worst(
    found: tuple[Pod, ...], title: str, colour: Colour
) -> None:
    shown = pods.render("prod", service="backend", pods={"backend": found})
    assert (shown.title, shown.colour) == (title, colour)


def test_events_that_do_not_fit_are_the_oldest() -> None:
    many = tuple(replace(EVENT, message=f"{number}", name="p" * 70) for number in range(100))
    shown = events.render("prod", service=None, found=many, missing=()).description
    assert shown.endswith("\n99")
    assert "older ones are left out" in shown.splitlines()[0]


def test_a_part_of_the_events_that_is_missing_is_named_with_its_id() -> None:
    silent = Refused(Reason.CLUSTER_UNREACHABLE, log_id="0123abcd")
    shown = events.render("prod", service=None, found=(), missing=(silent,))
    assert shown.description.startswith("⚠️ The cluster did not answer")
    assert (shown.footer, shown.colour) == ("error 0123abcd", Colour.WAITING)


@pytest.mark.parametrize(
    ("cut", "found", "lines", "colour"),
    [
        (False, (), ["Nothing was noticed in the last hour; Kubernetes forgets what is older."], Colour.QUIET),
        (True, (), [], Colour.WAITING),
        (False, (NORMAL,), ["▫️ **BackOff** Pod `backend-1` · <t:1767623401:R>", "no"], Colour.QUIET),
        (True, (NORMAL,), ["▫️ **BackOff** Pod `backend-1` · <t:1767623401:R>", "no"], Colour.WAITING),
    ],
)
def test_events_that_are_too_many_to_read_are_said_to_be_a_part(
    cut: bool, found: tuple[ClusterEvent, ...], lines: list[str], colour: Colour
) -> None:
    shown = events.render("prod", service=None, found=found, missing=(), cut=cut)
    note = "⚠️ There are too many events to read them all, so some are missing here, new ones too."
    assert shown.description.splitlines() == [*([note] if cut else []), *lines]
    assert shown.colour is colour


def compared(*resources: ResourceDiff) -> Card:
    """The answer to /diff."""
    found = Diff(revision="b" * 40, resources=resources)
    return diff.render(found, environment=PROD, service=None, catalog=CATALOG)


PRUNED = replace(CHANGED, change=Change.PRUNED, text="-all")
CREATED = replace(CHANGED, change=Change.CREATED, text="+all")


def test_a_diff_counts_lines_and_what_a_sync_leaves_apart_and_last() -> None:
    shown = compared(PRUNED, CHANGED, CREATED)
    assert (shown.title, shown.colour) == ("prod · 2 objects would change", Colour.WAITING)
    assert shown.description.splitlines()[1:5] == [
        "🟡 Deployment/backend +2 -1",
        "🟢 Deployment/backend +1 -0",
        "🔴 Deployment/backend +0 -1 · not in Git",
        "1 object no longer in Git stays, unless a sync prunes",
    ]


@pytest.mark.parametrize(
    ("resources", "title", "colour", "stays"),
    [
        ((CHANGED,), "prod · 1 object would change", Colour.WAITING, ""),
        ((CHANGED, PRUNED), "prod · 1 object would change", Colour.WAITING, "1 object no longer in Git stays"),
        ((PRUNED, PRUNED), "prod · nothing would change", Colour.QUIET, "2 objects no longer in Git stay"),
        ((), "prod · nothing differs", Colour.GOOD, ""),
    ],
)
def test_the_title_of_a_diff_counts_only_what_a_sync_would_change(
    resources: tuple[ResourceDiff, ...], title: str, colour: Colour, stays: str
) -> None:
    shown = compared(*resources)
    assert (shown.title, shown.colour) == (title, colour)
    assert [line.partition(",")[0] for line in shown.description.splitlines() if "in Git stay" in line] == (
        [stays] if stays else []
    )


TAGGED = replace(POD, image=images.parse("r/backend:b2c3d4e-20260105-143125"), created_at=story.after(0))
LATEST, UNTAGGED = (replace(TAGGED, image=images.parse(name)) for name in ("r/backend:latest", "r/backend"))


@pytest.mark.parametrize(
    ("pod", "service", "lines"),
    [
        (TAGGED, None, ["✅ **backend** `7c9-abc` `b2c3d4e` node-1 · <t:1767623400:R>"]),
        (TAGGED, "backend", ["✅ `7c9-abc` node-1 · <t:1767623400:R>", "`b2c3d4e-20260105-143125`"]),
        (
            replace(TAGGED, ready=False, reason="OOMKilled", restarts=4, last_exit="Error, exit code 1"),
            None,
            [
                "❌ **backend** `7c9-abc` OOMKilled · 4 restarts · node-1 · <t:1767623400:R>",
                "`b2c3d4e-20260105-143125` · Error, exit code 1",
            ],
        ),
        (
            replace(TAGGED, image=images.parse("r/backend:latest")),
            None,
            ["✅ **backend** `7c9-abc` `latest` node-1 · <t:1767623400:R>"],
        ),
        (
            replace(TAGGED, image=images.parse("r/backend")),
            None,
            ["✅ **backend** `7c9-abc` node-1 · <t:1767623400:R>"],
        ),
    ],
    ids=["healthy", "healthy, of one service", "in trouble", "another kind of tag", "no tag"],
)
def test_every_pod_shows_what_it_runs(pod: Pod, service: str | None, lines: list[str]) -> None:
    shown = pods.render("prod", service=service, pods={"backend": (pod,)})
    assert shown.description.splitlines()[: len(lines)] == lines


def test_no_history_is_said() -> None:
    shown = history.render((), environment=PROD, service=None, catalog=CATALOG)
    assert shown.description == "Neither Argo CD nor the bot remembers a deploy."
