"""Slash commands, thin: parse, acknowledge, ask the gate, call a service, answer."""

from discord.ext import commands

from bot.chat import hiding
from bot.chat.deps import Deps
from cogs.audit import Audit
from cogs.compare import Compare
from cogs.comparing import Comparing
from cogs.deploy import Deploy
from cogs.explain import Explain
from cogs.freezes import Freezes
from cogs.interventions import Interventions
from cogs.locks import Locks
from cogs.looking import Looking
from cogs.registry import Registry
from cogs.rerun import Rerun
from cogs.rollback import Rollback
from cogs.status import Status
from cogs.stop import Stop
from cogs.validate import Validate


def make(deps: Deps, *, hide_without: str | None = None) -> list[commands.Cog]:
    """Every command there is, for one client; Discord hides some where a permission of it is named."""
    made = [
        Deploy(deps),
        Interventions(deps),
        Looking(deps),
        Locks(deps),
        Freezes(deps),
        Stop(deps),
        Comparing(deps),
        Compare(deps),
        Registry(deps),
        Rerun(deps),
        Rollback(deps),
        Explain(deps),
        Status(deps),
        Validate(deps),
        Audit(deps),
    ]
    hiding.hide((command for cog in made for command in cog.get_app_commands()), without=hide_without)
    return made
