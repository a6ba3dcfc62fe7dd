"""/tags and /registry check as people read them: what does not agree first, and never more than is known."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.cards import registry, tags
from bot.cards.base import TOTAL_LIMIT, Card, Colour
from bot.cards.registry import Push, Standing, Threat
from bot.cards.tags import Origin, Overview, Place
from bot.domain.images import Image
from bot.domain.lifecycle import Expiry
from bot.domain.reasons import Reason, Refused
from bot.domain.tags import Findings, Mark, MarkKind, Row, StoredImage, Usage
from tests.cards import places

CATALOG = places.catalog()
COMMITS = "https://github.com/ORGANIZATION/project-ticketing/commit"
OLD, NEW = "9f8e7d6-20260104-091500", "c0ffee1-20260105-150210"
OLD_AGE, NEW_AGE = "<t:1767518100:R>", "<t:1767625330:R>"
SOURCE = "c0ffee1" + "0" * 33
AT = datetime(2026, 1, 5, 15, 2, 10, tzinfo=UTC)
GAP = "\n\u200b\n"
HOSTILE = "@everyone <@&1> **bold** [here](http://evil.test) ```` \u202e \x1b[31m" + "x" * 3000
ROWS = (
    Row(
        image=StoredImage(digest="sha256:" + "ab" * 32, tags=frozenset({NEW, "latest", "prod"})),
        asked_in=("prod",),
        runs_in=(),
    ),
    Row(
        image=StoredImage(digest="sha256:" + "cd" * 32, tags=frozenset({OLD}), findings=Findings(critical=1, high=3)),
        asked_in=("staging",),
        runs_in=("staging", "prod"),
    ),
)
ORIGIN = Origin(revision=SOURCE, subject="Hold seats", author="mina", findings=Findings(critical=0, high=2))


def place(name: str, asked: str, *running: str) -> Place:
    """What is known of one environment."""
    repository = CATALOG.image_of("backend")
    return Place(
        environment=name,
        usage=Usage(
            environment=CATALOG.environments[name],
            asked=Image(repository=repository, tag=asked),
            running=frozenset(Image(repository=repository, tag=tag) for tag in running),
        ),
    )


PLACES = (place("staging", OLD, OLD), place("prod", NEW, OLD))
DRIFT = Mark(kind=MarkKind.DRIFT, environment="prod", has=OLD, wants=NEW)
FOUND = Overview(
    places=PLACES, rows=ROWS, marks=(DRIFT,), origins={ROWS[0].image.digest: ORIGIN}, total=2000, elsewhere=7
)


def card(found: Overview, environment: str | None = None) -> Card:
    return tags.render(found, service="backend", environment=environment, catalog=CATALOG)


def test_what_does_not_agree_is_first_then_the_newest_images() -> None:
    assert card(FOUND) == Card(
        title="backend · Git and the pods differ",
        colour=Colour.WAITING,
        description=GAP.join(
            (
                f"🟡 **prod** Git asks for `{NEW}`, the pods run `{OLD}`",
                f"`{NEW}` {NEW_AGE}\n⏳ asked for in **prod**\n[Hold seats]({COMMITS}/{SOURCE}) by mina\n"
                "`sha256:abababababab` · 0 critical · 2 high · `latest` `prod`",
                f"`{OLD}` {OLD_AGE}\n✅ runs in **staging** · ▶️ still runs in **prod**\n"
                f"Commit [9f8e7d6]({COMMITS}/9f8e7d6)\n`sha256:cdcdcdcdcdcd` · 1 critical · 3 high",
            )
        ),
        footer="2 images shown · 2,000 tags · 7 of them for other environments",
    )


def test_environments_without_room_are_counted() -> None:
    shown = tags.render(FOUND, service="backend", environment=None, catalog=CATALOG, more=975)
    assert shown.footer.endswith(" · and 975 more environments: name one to see it")


def test_agreement_is_said_in_one_line() -> None:
    found = Overview(places=PLACES[:1], rows=ROWS[1:], total=1)
    shown = card(found, "staging")
    assert (shown.title, shown.colour) == ("backend → staging · 1 tag", Colour.GOOD)
    assert shown.description.split(GAP)[0] == "Git, the pods and the registry agree."
    assert shown.footer == "1 image shown · 1 tag"


def test_an_image_without_a_name_time_commit_or_scan_says_so() -> None:
    row = Row(image=StoredImage(digest="sha256:" + "ef" * 32, tags=frozenset()), asked_in=("dev",), runs_in=("dev",))
    shown = card(Overview(places=PLACES, rows=(row,), total=1))
    assert shown.description.split(GAP)[1] == "`sha256:efefefefefef` age not known\n✅ runs in **dev**\nnot scanned"


def test_an_empty_repository() -> None:
    assert card(Overview(places=PLACES)) == Card(
        title="backend · no tags",
        colour=Colour.QUIET,
        description="The repository has no tags yet; the first push of the pipeline makes some.",
    )


@pytest.mark.parametrize(
    ("mark", "title", "colour", "line"),
    [
        (
            Mark(kind=MarkKind.MISSING, environment="prod", has=OLD, runs=True),
            "an image is missing",
            Colour.BAD,
            f"❌ **prod** runs `{OLD}`, which the registry no longer has: no new pod can start",
        ),
        (
            Mark(kind=MarkKind.MISSING, environment="prod", has=OLD),
            "an image is missing",
            Colour.BAD,
            f"❌ **prod** asks for `{OLD}`, which the registry no longer has: no new pod can start",
        ),
        (
            Mark(kind=MarkKind.FOREIGN, environment="prod", has="nginx:1.27", runs=True),
            "an image from elsewhere",
            Colour.WAITING,
            "⚠️ **prod** runs `nginx:1.27`, which is not in this repository",
        ),
        (
            Mark(kind=MarkKind.MOVED, environment="prod", has=NEW, wants=OLD),
            "a tag was moved",
            Colour.WAITING,
            f"⚠️ `prod` is `{NEW}`, but Git asks for `{OLD}` there",
        ),
        (
            Mark(kind=MarkKind.MOVED, environment=None, has=OLD, wants=NEW),
            "a tag was moved",
            Colour.WAITING,
            f"⚠️ `latest` is `{OLD}`, but the newest is `{NEW}`",
        ),
    ],
)
def test_each_mark_has_its_words(mark: Mark, title: str, colour: Colour, line: str) -> None:
    shown = card(replace(FOUND, marks=(mark,)))
    assert (shown.title, shown.colour) == (f"backend · {title}", colour)
    assert shown.description.split(GAP)[0] == line


def test_what_did_not_answer_is_named_and_agreement_is_not_claimed() -> None:
    found = Overview(
        places=(
            Place(environment="dev", usage=None),
            Place(environment="staging", usage=PLACES[0].usage, failure=Reason.ARGOCD_UNREACHABLE),
            Place(environment="prod", usage=PLACES[1].usage, silent=True),
        ),
        rows=ROWS,
        total=2,
        unread=2,
        complete=False,
    )
    shown = card(found)
    assert (shown.title, shown.colour) == ("backend · 2 tags", Colour.WAITING)
    assert shown.description.split(GAP)[0].splitlines() == [
        "⚠️ **dev** Nothing is known of this service there yet.",
        "⚠️ **staging** Argo CD did not answer. Nothing was changed; try again when it is back. "
        "What was read last is shown.",
        "⚠️ **prod** The cluster did not answer, so its pods are not known.",
        "⚠️ GitHub did not tell, so 2 commits are shown by id only.",
        "⚠️ The registry has more tags than are read; newer ones may be missing here.",
    ]


def test_without_the_registry_there_is_still_what_is_asked_for_and_runs() -> None:
    refused = Refused(Reason.REGISTRY_UNREACHABLE, log_id="0123abcd")
    assert card(Overview(places=PLACES, refused=refused)) == Card(
        title="backend · the registry did not tell",
        colour=Colour.WAITING,
        description="⚠️ The registry did not answer, so nobody can say which images it has.\n"
        f"**staging** asks for `{OLD}` · runs `{OLD}`\n**prod** asks for `{NEW}` · runs `{OLD}`",
        footer="error 0123abcd",
    )


def test_what_strangers_wrote_is_text_and_fits() -> None:
    image = StoredImage(digest="sha256:" + "0" * 64, tags=frozenset({HOSTILE[:128], "`x`", *map(str, range(90))}))
    row = Row(image=image, asked_in=("prod",), runs_in=())
    origin = Origin(revision=SOURCE, subject=HOSTILE, author=HOSTILE)
    mark = Mark(kind=MarkKind.FOREIGN, environment="prod", has=HOSTILE, wants=HOSTILE)
    shown = card(Overview(places=PLACES, rows=(row,) * 20, marks=(mark,) * 20, origins={image.digest: origin}, total=9))
    assert shown.size <= TOTAL_LIMIT
    assert "and 12 more" in shown.description
    bare = "".join(part for index, part in enumerate(shown.description.split("`")) if index % 2 == 0)
    for dangerous in ("@everyone", "<@&1>", "**bold**", "[here](", "\u202e", "\x1b"):
        assert dangerous not in bare.replace(f"\\{dangerous}", "")


PUSHED = Push(at=AT, succeeded=True, environment="prod", url="https://github.com/run/1")
WELL = Standing(service="backend", newest=AT, tags=1200, mutable=True, rules=1, push=PUSHED)
LIMITS = "Whether the pipeline's role may push is not known here: the bot only reads, and tells what it saw."


def test_a_repository_in_order() -> None:
    assert registry.render([WELL]) == Card(
        title="Registry · 1 repository is readable",
        colour=Colour.GOOD,
        description=f"✅ **backend** newest image {NEW_AGE} · 1,200 tags · 1 lifecycle rule\n"
        f"The last push for **prod** worked {NEW_AGE} · [run](https://github.com/run/1){GAP}{LIMITS}",
    )


def test_what_needs_a_look_is_first() -> None:
    failed = replace(PUSHED, succeeded=False, message="denied: *not* authorized")
    refused = Refused(Reason.REGISTRY_REPOSITORY_UNKNOWN, log_id="0123abcd")
    expiring = Threat(tag=OLD, environments=("prod", "dev"), expiry=Expiry(priority=2, pushes=1))
    found = [
        WELL,
        replace(WELL, service="stats", threats=(expiring,), unclear=1),
        replace(WELL, service="auth", newest=None, tags=0, rules=0, push=failed),
        Standing(service="payment", refused=refused),
        replace(WELL, service="ticket", mutable=False, rules=None, denied=("ecr:GetLifecyclePolicy",), push=None),
    ]
    shown = registry.render(found)
    assert (shown.title, shown.colour, shown.footer) == (
        "Registry · 4 of 5 need a look",
        Colour.BAD,
        "error 0123abcd",
    )
    assert shown.description.split(GAP)[:-2] == [
        "❌ **auth** no image of the pipeline yet · 0 tags · nothing is deleted by rule\n"
        f"The last push for **prod** failed {NEW_AGE} · [run](https://github.com/run/1)\n"
        "denied: \\*not\\* authorized",
        "❌ **payment** The registry has no such repository, or the bot may not see it.\n"
        "The pipeline has reported no push yet.",
        f"❌ **ticket** newest image {NEW_AGE} · 1,200 tags\nThe pipeline has reported no push yet.\n"
        "Tags cannot be overwritten here, so a push of `latest` is refused.\n"
        "Not known without `ecr:GetLifecyclePolicy`.",
        f"⚠️ **stats** newest image {NEW_AGE} · 1,200 tags · 2 lifecycle rules, 1 of them not understood\n"
        f"The last push for **prod** worked {NEW_AGE} · [run](https://github.com/run/1)\n"
        f"🗑️ `{OLD}` of **prod**, **dev** is deleted by rule 2 after 1 more push",
    ]


@pytest.mark.parametrize(
    ("expiry", "when"),
    [
        (Expiry(priority=1, at=AT), NEW_AGE),
        (Expiry(priority=1, pushes=3), "after 3 more pushes"),
        (Expiry(priority=1, pushes=0), "at its next run"),
    ],
)
def test_when_an_image_goes(expiry: Expiry, when: str) -> None:
    shown = registry.render([replace(WELL, threats=(Threat(tag=OLD, environments=("prod",), expiry=expiry),) * 6)])
    lines = shown.description.split(GAP)[0].splitlines()
    assert lines[2] == f"🗑️ `{OLD}` of **prod** is deleted by rule 1 {when}"
    assert lines[-1] == "and 2 more images"
    assert shown.colour is Colour.WAITING


def test_a_push_that_failed_before_the_newest_image_is_no_trouble_any_more() -> None:
    failed = replace(PUSHED, succeeded=False, at=AT.replace(hour=1))
    assert not replace(WELL, push=failed).broken


def test_a_registry_that_does_not_tell_is_not_called_good() -> None:
    shown = registry.render([replace(WELL, mutable=None, rules=None)])
    assert shown.colour is Colour.QUIET
    assert shown.description.endswith(
        "This registry does not tell which tags can be overwritten and what is deleted when."
    )
