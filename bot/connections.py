"""The clients of the systems outside, as the settings ask for them. Building them calls nobody."""

from dataclasses import dataclass

from bot.adapters.argocd import ArgoCD
from bot.adapters.calls import Observe, unobserved
from bot.adapters.cluster import Clusters
from bot.adapters.github import App, GitHub
from bot.adapters.oidc import OidcVerifier
from bot.settings import Settings
from bot.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The clients of the systems outside."""

    argocd: ArgoCD
    github: GitHub
    clusters: Clusters
    oidc: OidcVerifier | None

    async def aclose(self) -> None:
        """Close every connection."""
        for adapter in (self.argocd, self.github, self.clusters, self.oidc):
            if adapter is not None:
                await adapter.aclose()


def build(settings: Settings, topology: Topology, *, observe: Observe = unobserved) -> Connections:
    """The clients these settings ask for; nothing is called yet."""
    services = tuple(topology.services)
    app = None
    if settings.github_app_id and settings.github_app_private_key and settings.github_installation_id:
        app = App(
            id=settings.github_app_id,
            private_key=settings.github_app_private_key,
            installation_id=settings.github_installation_id,
        )
    oidc = None
    if settings.ci_oidc_audience:
        oidc = OidcVerifier(
            issuer=settings.ci_oidc_issuer,
            audience=settings.ci_oidc_audience,
            repository=topology.repository,
            repository_id=topology.repository_id,
            observe=observe,
        )
    return Connections(
        argocd=ArgoCD(
            url=settings.argocd_url,
            token=settings.argocd_token.get_secret_value,
            project=topology.project,
            services=services,
            observe=observe,
        ),
        github=GitHub(
            url=settings.github_api_url,
            repository=topology.repository,
            token=settings.github_token,
            app=app,
            observe=observe,
        ),
        clusters=Clusters(kubeconfig=settings.kubeconfig, services=services, observe=observe),
        oidc=oidc,
    )


def github_web(api_url: str) -> str:
    """The web address that belongs to an API address: github.com, or an Enterprise server's host."""
    if api_url == "https://api.github.com":
        return "https://github.com"
    return api_url.removesuffix("/api/v3")
