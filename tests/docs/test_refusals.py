"""docs/refusals.md has every reason once, with exactly the sentence that people read.

SNAPSHOTS=write python -m pytest tests/docs/test_refusals.py
writes the sentences anew and leaves the groups and what to do as they are. A new reason is given its row by hand.
"""

import os
import re

from bot.domain.reasons import SENTENCES, Reason
from tests.docs.pages import ROOT, every_row

PAGE = ROOT / "docs" / "refusals.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| ", re.MULTILINE)


def test_every_reason_is_there_with_its_sentence() -> None:
    if os.environ.get("SNAPSHOTS") == "write":
        PAGE.write_text(ROW.sub(lambda found: f"| `{found[1]}` | {SENTENCES[Reason(found[1])]} | ", PAGE.read_text()))
    found = every_row(PAGE.read_text())
    assert sorted(code for code, *_ in found) == sorted(f"`{reason}`" for reason in Reason)
    assert {code.strip("`"): sentence for code, sentence, _todo in found} == {
        str(reason): sentence for reason, sentence in SENTENCES.items()
    }
