"""No row of a page or of a copy is left out, however long and bad its texts are."""

import pytest

from tests.cards import audited


@pytest.mark.parametrize(
    ("name", "rows"), [("audit/hostile", 8), ("audit/long", 8), ("audit/copied-hostile", 10), ("audit/page", 5)]
)
def test_every_row_has_its_line(name: str, rows: int) -> None:
    lines = audited.cards()[name].description.split("\n")

    assert [line.partition(" ")[0] for line in sorted(lines, key=lambda line: int(line[1:].partition(" ")[0]))] == [
        f"#{number}" for number in range(1, rows + 1)
    ]
