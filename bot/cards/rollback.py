"""Going back, as people see it: the plan with its ways, and what a rollback's own card says beside a deploy's.

The buttons of a plan have no row behind them: the way, the image and a fingerprint of the place are their custom id,
which has to fit into a hundred characters whatever the place is called. Behind the way stands `!` in an emergency, and
`?` when the image was itself rolled back, so that whoever goes back to it is asked twice.
"""

import hashlib
from collections.abc import Iterable, Iterator

from bot.cards import changes
from bot.cards.base import Button, Card, Colour, Style
from bot.cards.standing import Standing
from bot.cards.text import ago, code, command, link, paragraphs, plain
from bot.domain import releases, rollbacks
from bot.domain.catalog import Catalog, Environment
from bot.domain.contents import ImageChange
from bot.domain.events import ApplicationObserved
from bot.domain.operations import Between, Operation, Way
from bot.domain.rollbacks import Candidate, Offer, Option, Plan

_TAG = 60
_WHY = 200
_NOTHING_GOOD = "**Nothing good is left.** What ran well is gone from the registry, or was itself rolled back."
_ASKED = "Git asks for it already, and what runs is something else: syncs this service alone."
_STORED = {True: "", False: "⛔ no longer in the registry", None: "the registry did not say whether it has it"}
NAMES = {Way.TAG: "Previous tag", Way.REVERT: "git revert", Way.HISTORY: "Argo CD rollback"}
"""What people call the ways."""


def place_id(environment: str, service: str) -> str:
    """A fingerprint of a service in an environment, 12 hexadecimal digits."""
    return hashlib.sha256(f"{environment}/{service}".encode()).hexdigest()[:12]


def button(environment: str, service: str) -> Button:
    """The button on cards of what went wrong, which shows the plan."""
    return Button(label="Roll back", custom_id=f"chatops:plan:{place_id(environment, service)}", style=Style.BAD)


def plan(found: Plan, *, environment: Environment, catalog: Catalog) -> Card:
    """Where the service can go back to and how; what can be pressed is what is possible."""
    best = found.recommended
    return Card(
        title=f"⏪ {found.service} → {found.environment} · roll back?",
        colour=Colour.WAITING if best else Colour.BAD,
        description=paragraphs(
            [
                _now(found),
                _target(found.chosen, catalog=catalog) if found.chosen else _NOTHING_GOOD,
                "\n".join(_way(offer, plan=found, environment=environment, catalog=catalog) for offer in found.offers),
                _others(found),
            ]
        ),
        buttons=tuple(_buttons(found, environment=environment)),
        footer=_footer(environment),
        url=environment.page,
    )


def going_back(operation: Operation, *, catalog: Catalog) -> str:
    """Why a rollback was asked for, and how it goes back; '' for anything else."""
    rollback = operation.rollback
    if rollback is None:
        return ""
    loud = "🚨 **Emergency**: one approver is enough.\n" if rollback.emergency else ""
    how = {
        Way.TAG: "by writing its earlier tag" if operation.tag else "by syncing what Git asks for already",
        Way.REVERT: f"by reverting {_links(rollback.reverts, catalog=catalog)}",
        Way.HISTORY: f"by Argo CD's entry {rollback.entry}: **all services**, no hooks, nothing in Git",
    }[rollback.way]
    return f"{loud}**Why** {plain(rollback.why, _WHY)}\n**How** {how}"


def gone_back(operation: Operation, *, observed: ApplicationObserved | None, total: str) -> Standing:
    """How a rollback stands once pods run the earlier image: open until Git, Argo CD and the pods agree.

    Until then there is a command for each service for which Git asks for something else, as `observed` has it.
    """
    if not rollbacks.is_open(operation):
        return Standing(words=f"rolled back{total}", colour=Colour.GOOD, over=True)
    moved = operation.content.images if operation.content else ()
    differing = [change for change in moved if _differs(change, observed=observed)] or moved
    commands = [
        command("rollback", environment=operation.environment, service=change.service, to=change.new.tag)
        for change in differing
        if change.new is not None and change.new.tag is not None
    ]
    todo = "Git still asks for something else, so the next sync brings that back."
    if len(commands) > 1:
        todo = "\n".join([todo, "Have Git ask for what runs, service by service:", *commands])
    else:
        todo = " ".join([todo, *commands, "has Git ask for this."])
    return Standing(words=f"rolled back{total}, Git disagrees", colour=Colour.WAITING, next=todo)


def _differs(change: ImageChange, *, observed: ApplicationObserved | None) -> bool:
    workload = observed.workload(change.service) if observed else None
    return workload is not None and workload.desired != workload.live


def undone(between: Between | None) -> str:
    """What going back takes away, in a few words."""
    if between is None:
        return "GitHub did not say what it undoes"
    if not between.lost and not between.gained:
        return "undoes nothing: both were built from the same commit"
    words = f"undoes {changes.number_of(between.lost)}" if between.lost else ""
    more = f"brings {changes.number_of(between.gained)} in" if between.gained else ""
    return ", ".join(filter(None, (words, more)))


def _now(found: Plan) -> str:
    lines = [f"**Runs** {code(found.running, _TAG) or 'an image without a tag'}"]
    if found.asked != found.running:
        lines.append(f"Git asks for {code(found.asked or 'nothing', _TAG)}")
    return "\n".join(lines)


def _target(option: Option, *, catalog: Catalog) -> str:
    candidate = option.candidate
    run = releases.run_of(candidate.release) if candidate.release else None
    commits = changes.commits(option.undone, back=True, catalog=catalog) if option.undone else ""
    return "\n".join(
        [
            f"**To** {code(candidate.tag, _TAG)}",
            *_warning(candidate),
            f"ran well {ago(candidate.proven_at)}{_author(candidate)}",
            *([plain(run.title, 80)] if run is not None and run.title else []),
            commits or _first(undone(option.undone)),
        ]
    )


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _warning(candidate: Candidate) -> list[str]:
    gone = candidate.rolled_back
    if gone is None or gone.rollback is None:
        return []
    who, why = plain(gone.requested_name, 40), plain(gone.rollback.why, _WHY)
    return [f"⚠️ **Was itself rolled back** {ago(gone.updated_at)} by {who}: {why}"]


def _way(offer: Offer, *, plan: Plan, environment: Environment, catalog: Catalog) -> str:
    name = NAMES[offer.way]
    if offer.refused is not None:
        return f"⛔ **{name}** {offer.refused.sentence}"
    best = plan.recommended is offer
    alone = not environment.automated
    syncs = " and syncs this service alone" if alone else "; Argo CD then syncs by itself, everything that differs"
    commits = _links(offer.reverts, catalog=catalog)
    what = {
        Way.TAG: _ASKED if offer.asked else f"writes one line in Git{syncs}.",
        Way.REVERT: f"reverts {commits}{syncs}. The same effect, and Git says what was taken back.",
        Way.HISTORY: _entry(offer),
    }[offer.way]
    return f"{'👉' if best else '▫️'} **{name}** {'(recommended) ' if best else ''}{what}"


def _links(revisions: Iterable[str], *, catalog: Catalog) -> str:
    return ", ".join(link(one[:7], catalog.commit_page(one)) for one in revisions)


def _entry(offer: Offer) -> str:
    entry = offer.entry
    when = f"entry {entry.id} of {ago(entry.deployed_at)}" if entry else "an entry"
    others = ", ".join(offer.moves)
    moves = f"it also moves **{plain(others, 120)}**" if others else "nothing else moves with it now"
    return (
        f"goes to {when} with all services ({moves}). Hooks are skipped, and Git does not know: "
        "the next sync brings the present state back."
    )


def _others(found: Plan) -> str:
    others = [option for option in found.options if option is not found.chosen]
    if not others:
        return ""
    lines = [_other(option, running=found.running) for option in others]
    take = command("rollback", environment=found.environment, service=found.service, to="")
    return "\n".join(["**Or to**", *lines, f"{take} takes another one."])


def _other(option: Option, *, running: str) -> str:
    candidate = option.candidate
    marks = [
        "runs now" if candidate.tag == running else "",
        _STORED[option.stored],
        "⚠️ was rolled back" if candidate.rolled_back else "",
    ]
    facts = [f"{ago(candidate.proven_at)}{_author(candidate)}", undone(option.undone), *marks]
    return f"{code(candidate.tag, _TAG)}\n{' · '.join(filter(None, facts))}"


def _author(candidate: Candidate) -> str:
    run = releases.run_of(candidate.release) if candidate.release else None
    return f", by {plain(run.author, 40)}" if run is not None else ""


def _buttons(found: Plan, *, environment: Environment) -> Iterator[Button]:
    if found.chosen is None:
        return
    chosen, best = found.chosen.candidate, found.recommended
    again = "?" if chosen.rolled_back else ""
    end = f"{again}:{place_id(found.environment, found.service)}:{chosen.tag}"
    for offer in found.offers:
        if offer.refused is None:
            style = Style.GOOD if offer is best else Style.PLAIN
            yield Button(label=NAMES[offer.way], custom_id=f"chatops:rollback:{offer.way}{end}", style=style)
    if best is not None and (environment.required_approvals > 1 or environment.approval_groups):
        yield Button(
            label=f"Emergency: {NAMES[best.way].lower()}",
            custom_id=f"chatops:rollback:{best.way}!{end}",
            style=Style.BAD,
        )


def _footer(environment: Environment) -> str:
    needed = environment.required_approvals
    consent = {0: "Needs no approval", 1: "Somebody else approves"}.get(needed, f"Needs {needed} approvals")
    if environment.approval_groups:
        consent += f", of {' and '.join(group.name for group in environment.approval_groups)}"
    emergency = ", one in an emergency" if needed > 1 or environment.approval_groups else ""
    return f"{consent}{emergency} · afterwards the service is locked"
