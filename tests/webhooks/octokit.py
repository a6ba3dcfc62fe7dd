"""The payloads that GitHub's own examples are made of: 58 events, 329 payloads, nobody here wrote them."""

import functools
import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import tests

FILE = Path(tests.__file__).with_name("fixtures") / "octokit" / "index.json.gz"


class Example(NamedTuple):
    """One payload, and the event that it belongs to."""

    event: str
    payload: dict[str, Any]

    @property
    def body(self) -> bytes:
        """The payload as it is sent."""
        return json.dumps(self.payload).encode()


@functools.cache
def examples(event: str | None = None) -> tuple[Example, ...]:
    """All of them, or those of one event, in the order of the file."""
    entries = json.loads(gzip.decompress(FILE.read_bytes()))
    everything = (Example(entry["name"], payload) for entry in entries for payload in entry["examples"])
    return tuple(example for example in everything if event in (None, example.event))
