"""The bot in a process of its own, all of it but the connection to Discord. Prints its address when it listens.

    python -m tests.bench.bot_process DATABASE_URL ARGOCD_URL ARGOCD_TOKEN GITHUB_URL KUBECONFIG TOPOLOGY

It imports nothing that the bot in production does not, so that its memory is the bot's.
"""

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr

from bot import telemetry, topology
from bot.app import App
from bot.settings import Settings
from tests.bench.wrk import SECRET


async def main(database: str, argocd: str, argocd_token: str, github: str, kubeconfig: str, place: str) -> None:
    """Serve for ever."""
    settings = Settings(
        discord_token=SecretStr("nobody connects"),
        discord_guild_id=1,
        argocd_url=argocd,
        argocd_token=SecretStr(argocd_token),
        github_api_url=github,
        github_token=SecretStr("bench-token"),
        github_webhook_secret=(SecretStr(SECRET),),
        database_url=SecretStr(database),
        http_port=0,
        kubeconfig=Path(kubeconfig),
    )
    app = App(settings, topology.load(Path(place)))
    async with app.serve():
        sys.stdout.write(f"http://127.0.0.1:{app.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    telemetry.configure_logging(log_format="json", secrets=(SECRET,))
    asyncio.run(main(*sys.argv[1:]))
