"""The body that is sent: a real workflow_run delivery of about 19 kB, for a repository that the bot does not serve."""

import gzip
import json
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "fixtures" / "octokit" / "index.json.gz"
SIZE = 19_000


def workflow_run() -> bytes:
    """The largest of the recorded ones, padded as a long commit message pads it."""
    events = json.loads(gzip.decompress(EXAMPLES.read_bytes()))
    examples = next(event["examples"] for event in events if event["name"] == "workflow_run")
    body = max(examples, key=lambda example: len(json.dumps(example)))
    missing = SIZE - len(json.dumps(body))
    body["workflow_run"]["head_commit"]["message"] += "\n" + "seat " * max(missing // 5, 0)
    return json.dumps(body).encode()
