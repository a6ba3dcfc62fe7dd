"""`make sandbox`: the guild in the browser, and a world that plays its stories behind it.

The page belongs to simcord: it shows the channel as one of the members, with buttons and slash commands that reach
the real bot. Stories follow each other with a pause, so there is always a release on its way or a request waiting.
"""

import asyncio
import contextlib
import itertools
import signal
import socket
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from simcord.backend.errors import SetupError
from simcord.preview import Preview

from bot.app import Timing
from sandbox.guild import EXPIRES_MINUTES
from sandbox.scenarios import STORIES
from sandbox.scene import Scene, open_scene

REFRESH_SECONDS = 2.0
QUIET_SECONDS, LONGEST_SECONDS = 4.0, 10.0
PAUSE_STEPS = 8
WELCOME = """
  {url}

  Open this address: a Discord channel with the bot in it. Choose above who you are:
  {people}
  Approve what waits in prod as jisoo (minji pushed it, and nobody approves what they pushed), or type / for a command.
  What nobody approves calls who is on call after {minutes} minutes. Alerts are in this channel too. A copy of the audit
  trail would bury the cards, so there is none here: /audit shows it, as jisoo. The README has a tour.
  If the page says that an action was not completed, something had changed at that moment: do it once more.
  What you push is noticed as on GitHub:  git clone {repository}
  Ctrl+C ends it.
"""
ROLES = {
    "minji": "release manager and developer",
    "jisoo": "release manager",
    "hyunwoo": "developer, who pushes",
    "sora": "may only look",
    "yuna": "on call, may break the glass in prod; security, approves in dr beside a release manager",
    "guest": "has no role",
}


async def show(*, port: int, pace: float, say: Callable[[str], None]) -> None:
    """Serve the page and play until it is closed. `say` prints one text for the person who started it.

    Raises OSError when the port is taken. SIGTERM cancels it, as Ctrl+C does: its files go in any case.
    """
    if (playing := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise OSError(f"Port {port} is taken.") from error
    quick = Timing(
        look=timedelta(seconds=min(pace, 1)), pause=timedelta(seconds=min(pace, 1)), spacing=timedelta(seconds=1)
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sandbox.db"
        async with (
            open_scene(database_url=f"sqlite+aiosqlite:///{path}", pace=pace, timing=quick, for_page=True) as scene,
            asyncio.TaskGroup() as group,
        ):
            preview = scene.env.preview(
                scene.town.releases, viewers=list(scene.town.people.values()), layout="channel", port=port
            )
            async with preview:
                people = "\n  ".join(f"  {name:8} {what}" for name, what in ROLES.items())
                repository = f"file://{scene.world.git.directory}"
                minutes = EXPIRES_MINUTES - EXPIRES_MINUTES // 6
                say(WELCOME.format(url=preview.url, people=people, repository=repository, minutes=minutes))
                tasks = [group.create_task(_keep_fresh(scene, preview)), group.create_task(_play(scene, say))]
                await preview.wait_closed()
                for task in tasks:
                    task.cancel()


async def _play(scene: Scene, say: Callable[[str], None]) -> None:
    """One story after the other, for ever; a person may take part at any time."""
    for name in itertools.cycle(STORIES):
        say(f"Now playing: {name}")
        await STORIES[name](scene.pipeline)
        await asyncio.sleep(scene.world.pace * PAUSE_STEPS)


async def _keep_fresh(scene: Scene, preview: Preview) -> None:
    """Let time pass, and publish what the bot wrote since. While somebody acts on the page, it publishes by itself.

    The page refuses what is done on an older state than the published one. So nothing is published for a moment after
    a command, a press or an option that was completed: more is likely to follow. Its clock stands still that long.
    """
    clock = asyncio.get_running_loop().time
    seen, published = 0, -1
    acted = at = clock() - LONGEST_SECONDS
    while True:
        with contextlib.suppress(SetupError):  # somebody is acting on the page at this moment
            await scene.catch_up()
            new = scene.env.http_requests[seen:]
            seen += len(new)
            if any(request.path.startswith("/interactions/") for request in new):
                acted = clock()
            quiet = clock() - acted < QUIET_SECONDS and clock() - at < LONGEST_SECONDS
            if seen != published and not quiet:
                await preview.refresh()
                published, at = seen, clock()
        await asyncio.sleep(REFRESH_SECONDS)
