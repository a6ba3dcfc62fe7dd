"""What people see of the audit trail: the answer to /audit, and the copy in the channel, by name."""

from dataclasses import replace

from bot.cards import trail as card
from bot.cards.base import Card
from bot.domain import trail
from bot.domain.trail import START, Entry, Head
from tests.cards import places
from tests.cards.story import after
from tests.domain.examples import OPERATION_ID

PLAIN = Entry(
    id=0,
    at=after(0).isoformat(timespec="microseconds"),
    actor="github:hyunwoo",
    roles=None,
    action="deploy",
    environment="prod",
    service="ticket-service",
    operation_id=OPERATION_ID,
    correlation="run:7001/1",
    outcome="requested",
    reason=None,
    digest=None,
    detail="",
    previous="",
    hash="",
)
ROWS = (
    PLAIN,
    replace(PLAIN, actor="chatops", outcome="waiting"),
    replace(PLAIN, actor="discord:12", action="approve", outcome="granted", roles='["300"]'),
    replace(PLAIN, actor="discord:13", action="gate:approve", outcome="refused", reason="missing_role", detail="guest"),
    replace(PLAIN, actor="discord:13", service=None, environment=None, action="reject", outcome="refused"),
)
WHY = "Payments fail and nobody answers the phone."
SMASHED = replace(PLAIN, actor="discord:12", action="break_glass", outcome="granted", roles='["300"]', detail=WHY)
LOUD = {
    "granted": SMASHED,
    "reminded": replace(SMASHED, actor="chatops", roles=None, outcome="reminded", detail=f"mina: {WHY}"),
    "reviewed": replace(SMASHED, actor="discord:13", outcome="reviewed", detail=f"mina: {WHY}"),
}
HOSTILE = replace(
    PLAIN,
    at="never",
    actor="discord:@everyone",
    action="**gate**:" + "[x](http://evil.test)" * 9,
    environment="`" * 64,
    service="s" * 64,
    outcome="> # **" * 9,
    reason="_" * 64,
    detail="<@&1> @everyone " + "*" * 990,
)
"""As long and as bad as a row can be made, by somebody who may write into the table."""


LONG = replace(SMASHED, detail=" ".join(["The payments of *everybody* fail, and nobody answers the phone."] * 4))


def chain(*rows: Entry) -> list[Entry]:
    """The rows with their numbers and hashes."""
    made: list[Entry] = []
    for row in rows:
        made.append(trail.linked(row, to=Head(id=made[-1].id, hash=made[-1].hash) if made else START))
    return made


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    url = f"https://discord.com/channels/{2**63}/{2**63}/{2**63}"
    newest = chain(*ROWS)[::-1]
    prod = places.catalog(mention=300).environments["prod"]
    loud = {
        f"audit/loud-{name}": card.loud(*chain(row), environment=prod, url="https://discord.com/channels/1/2/3")
        for name, row in LOUD.items()
    }
    hostile = chain(replace(HOSTILE, outcome="granted"))
    return {
        **loud,
        "audit/loud-hostile": card.loud(*hostile, environment=None, url=None),
        "audit/page": card.page(
            newest, environments=["dev", "prod"], cards={OPERATION_ID: url}, more=True, older="chatops:audit:1:prod:::"
        ),
        "audit/none": card.page([], environments=["prod"], cards={}, more=False, older=None),
        "audit/long": card.page(
            chain(*[LONG] * 8), environments=["prod"], cards={OPERATION_ID: url}, more=True, older="chatops:audit:1::::"
        ),
        "audit/hostile": card.page(
            chain(*[HOSTILE] * 8), environments=["prod"], cards={OPERATION_ID: url}, more=True, older=None
        ),
        "audit/broken": card.broken(f"10:{'5' * 16}"),
        "audit/broken-without-hash": card.broken("10:"),
        "audit/copied": card.copied(chain(*ROWS)),
        "audit/copied-one": card.copied(chain(PLAIN)),
        "audit/copied-hostile": card.copied(chain(*[HOSTILE] * 10)),
    }
