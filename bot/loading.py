"""The settings and the topology as they are given, once they fit together.

This knows no client library, so that a command with wrong settings says so at once.
"""

from importlib.util import find_spec

from bot import settings as environment
from bot import topology
from bot.adapters import registry_ecr
from bot.settings import PREFIX, Settings, SettingsInvalid
from bot.topology import Topology


def load() -> tuple[Settings, Topology]:
    """Both, as the environment says. Raises `SettingsInvalid` or `TopologyInvalid` with every problem of the first."""
    settings = environment.load()
    place = topology.load(settings.topology)
    require_tokens(settings, place)
    require_client(settings, place)
    return settings, place


def require_tokens(settings: Settings, topology: Topology) -> None:
    """Raise SettingsInvalid when an Argo CD of the topology has no token, or a token no Argo CD."""
    variable = f"{PREFIX}ARGOCD_TOKENS"
    given, named = settings.argocd_tokens.keys(), topology.argocd.keys()
    problems = [f"{variable}: has no token for {name}" for name in named - given]
    problems += [f"{variable}: the topology file has no Argo CD named {name}" for name in given - named]
    if problems:
        raise SettingsInvalid(sorted(problems))


def require_client(settings: Settings, topology: Topology) -> None:
    """Raise SettingsInvalid when the topology names Amazon ECR and what reads it is not installed."""
    if settings.registry_url or not registry_ecr.place(topology.registry) or find_spec("boto3"):
        return
    raise SettingsInvalid(
        [
            f"{PREFIX}REGISTRY_URL: is not set, so the registry is Amazon ECR, and what reads it is not installed: "
            "install requirements/ecr.txt, or the extra `ecr`"
        ]
    )
