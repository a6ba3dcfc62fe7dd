"""One pull request, proposed again and again: the tag of ticket-service on production."""

from typing import Any

from bot.adapters.github import GitHub
from bot.adapters.github_pulls import Pull, open_pull
from tests.adapters.hub import OPERATION, OVERLAY, message, tagged

BRANCH = f"chatops/{OPERATION}"


async def propose(github: GitHub, **more: Any) -> Pull | None:
    """Propose the tag; nothing if it is there already."""
    wanted: dict[str, Any] = {"path": OVERLAY, "base": "main", "change": tagged(), "body": "For minji."} | more
    return await open_pull(github, message=message(), operation=OPERATION, **wanted)


async def proposed(github: GitHub, **more: Any) -> Pull:
    """The pull request that proposes it."""
    pull = await propose(github, **more)
    assert pull is not None
    return pull
