"""Cards keep Discord's limits by themselves, and their digest says whether anything that is shown changed."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.cards.base import FILE_LIMIT, TOTAL_LIMIT, Attachment, Button, Card, Colour, Field, digest
from bot.cards.text import length

CARD = Card(title="t", colour=Colour.GOOD, description="d", timestamp=datetime(2026, 1, 5, tzinfo=UTC))


def test_a_card_that_fits_is_left_alone() -> None:
    card = Card(
        title="title",
        colour=Colour.GOOD,
        url="https://x.example/a",
        description="one\ntwo",
        fields=(Field(name="n", value="v"),),
        buttons=(Button(label="Go", url="https://x.example"), Button(label="Do", custom_id="chatops:do:1")),
        footer="f",
        reference="r",
    )

    assert (card.title, card.url, card.description, card.footer) == ("title", "https://x.example/a", "one\ntwo", "f")
    assert card.fields == (Field(name="n", value="v"),)
    assert [button.label for button in card.buttons] == ["Go", "Do"]
    assert card.size == len("title" + "one\ntwo" + "nv" + "f" + "r")


def test_every_part_is_cut_to_its_own_limit() -> None:
    card = Card(
        title="t" * 300,
        colour=Colour.GOOD,
        fields=tuple(Field(name="n" * 300, value=" ") for _ in range(2)),
        footer="f" * 3000,
        buttons=(Button(label="l" * 100, custom_id="chatops:do:1"), Button(label="nowhere", url="ftp://x.example")),
    )

    assert card.title == "t" * 255 + "…"
    assert card.fields == (Field(name="n" * 255 + "…", value="…"),) * 2
    assert card.footer == "f" * 1799 + "…"
    assert card.buttons == (Button(label="l" * 79 + "…", custom_id="chatops:do:1"),)


def test_a_description_is_cut_between_lines() -> None:
    line = "x" * 99
    card = Card(title="t", colour=Colour.GOOD, description="\n".join([line] * 50))

    assert card.description == "\n".join([line] * 40 + ["…"])


def test_the_sum_is_kept_by_leaving_out_the_last_fields() -> None:
    fields = tuple(Field(name=str(number), value="v" * 1000) for number in range(9))
    card = Card(title="t", colour=Colour.GOOD, description="d", fields=fields)

    assert card.fields == fields[:5]


def test_a_file_keeps_its_limit_and_has_a_name_that_is_only_a_name() -> None:
    fits = Attachment(name="backend-7c9-abc.log", text="x" * FILE_LIMIT)
    long = Attachment(name="../../예매 log", text="예" * FILE_LIMIT)

    assert (fits.name, fits.text) == ("backend-7c9-abc.log", "x" * FILE_LIMIT)
    assert long.name == ".._..____log"
    assert long.text == "예" * ((FILE_LIMIT - 4) // 3) + "…\n"
    assert Attachment(name="n" * 300 + ".log", text="\ud800lonely") == Attachment(
        name="n" * 96 + ".log", text="?lonely"
    )


def test_the_digest_changes_with_anything_that_is_shown() -> None:
    others = [
        replace(CARD, title="u"),
        replace(CARD, colour=Colour.BAD),
        replace(CARD, buttons=(Button(label="Do", custom_id="chatops:do:1"),)),
        replace(CARD, mention=1),
        replace(CARD, timestamp=None),
        replace(CARD, attachment=Attachment(name="a.log", text="one")),
        replace(CARD, attachment=Attachment(name="a.log", text="two")),
    ]

    assert digest(CARD) == digest(replace(CARD))
    assert len({digest(card) for card in (CARD, *others)}) == 8


_texts = st.text(max_size=5000)


@given(
    _texts,
    _texts,
    _texts,
    st.lists(st.builds(Field, name=_texts, value=_texts), max_size=30),
    st.lists(st.builds(Button, label=_texts, url=_texts, custom_id=st.none() | st.text(max_size=100)), max_size=30),
)
def test_any_card_is_within_the_limits(
    title: str, description: str, footer: str, fields: list[Field], buttons: list[Button]
) -> None:
    card = Card(
        title=title,
        colour=Colour.BAD,
        description=description,
        footer=footer,
        fields=tuple(fields),
        buttons=tuple(buttons),
    )

    assert card.size <= TOTAL_LIMIT
    assert length(card.title) <= 256
    assert length(card.description) <= 4096
    assert len(card.fields) <= 25
    assert all(0 < length(field.name) <= 256 and 0 < length(field.value) <= 1024 for field in card.fields)
    assert len(card.buttons) <= 25
