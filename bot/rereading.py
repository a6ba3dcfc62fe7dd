"""Secrets that change while the bot runs: their files are looked at every few seconds, and read again when one changed.

Only what came from a file can change, because `settings.load` decides as it did at the start: what the environment or
`.env` says stands. A file that cannot be read or is empty changes nothing, and the log says so once: what was read last
stays in use. So does a secret whose file is gone, and the log says that it is in use until a restart.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import structlog

from bot import loading
from bot import settings as environment
from bot.settings import PREFIX, Settings, SettingsInvalid
from bot.topology import Topology

READ_AGAIN = (
    "argocd_token",
    "argocd_tokens",
    "argocd_webhook_token",
    "ci_token",
    "discord_token",
    "github_app_private_key",
    "github_token",
    "github_webhook_secret",
    "registry_password",
)
"""The settings that are read again. Everything else needs a restart."""

_Files = frozenset[tuple[str, int, int, int]]

log = structlog.get_logger(__name__)


class Rereading:
    """The settings of this moment. `hide` is told every new secret before anybody uses it."""

    def __init__(
        self,
        settings: Settings,
        topology: Topology,
        *,
        hide: Callable[[Iterable[str]], None],
        pause: timedelta = timedelta(seconds=5),
    ) -> None:
        self._settings = settings
        self._topology = topology
        self._hide = hide
        self._pause = pause.total_seconds()
        self._files: _Files = frozenset()  # so that what changed since the start is noticed by the first look
        self._said = ""

    def settings(self) -> Settings:
        """The settings with the secrets that were read last."""
        return self._settings

    async def run(self) -> None:
        """Look at the files for ever."""
        while True:
            await self._look()
            await asyncio.sleep(self._pause)

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(_files)
            if found == self._files:
                return
            fresh = await asyncio.to_thread(environment.load)
            loading.require_tokens(fresh, self._topology)
        except (SettingsInvalid, OSError) as error:  # Neither has a value of a secret in its text.
            self._keep(str(error))
            return
        self._files = found
        changed = {
            name: value
            for name in READ_AGAIN
            if (value := getattr(fresh, name)) and value != getattr(self._settings, name)
        }
        if changed:
            self._hide(fresh.secret_values())
            self._settings = self._settings.model_copy(update=changed)
            log.info("secrets.changed", settings=[_variable(name) for name in changed])
        gone = [_variable(name) for name in READ_AGAIN if getattr(self._settings, name) and not getattr(fresh, name)]
        if gone:
            self._keep(f"{', '.join(gone)}: not there any more, and in use until a restart")
        else:
            self._said = ""

    def _keep(self, problem: str) -> None:
        """Say why the old ones stay in use, once for each problem."""
        if problem != self._said:
            self._said = problem
            log.error("secrets.kept", problem=problem)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _files() -> _Files:
    """What tells one state of the files from another, without reading them."""
    directory: Path | None = environment.secrets_directory()
    known = [path for path in directory.iterdir() if path.name.upper().startswith(PREFIX)] if directory else []
    return frozenset(
        (path.name, stat.st_mtime_ns, stat.st_ino, stat.st_size) for path in known for stat in (path.stat(),)
    )
