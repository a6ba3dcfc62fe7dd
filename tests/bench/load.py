"""A steady stream of signed deliveries from a process of its own: `python -m tests.bench.load URL SECRET RATE SECONDS`.

Each is a workflow_run of a repository that the bot does not serve, so it is received, stored and looked at like any
other, and says nothing. Prints how many were answered with 202.
"""

import asyncio
import hashlib
import hmac
import sys
import time
import uuid

import aiohttp

from tests.bench.bodies import workflow_run


async def main(url: str, secret: str, rate: float, seconds: float) -> int:
    """Send at the rate, each on time even when the answers are late."""
    body = workflow_run()
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    accepted = 0

    async def send(session: aiohttp.ClientSession) -> None:
        nonlocal accepted
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "workflow_run",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": signature,
        }
        async with session.post(f"{url}/webhooks/github", data=body, headers=headers) as response:
            accepted += response.status == 202

    began = time.monotonic()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.create_task(send(session))
    return accepted


if __name__ == "__main__":
    url, secret, rate, seconds = sys.argv[1:]
    print(asyncio.run(main(url, secret, float(rate), float(seconds))))
