"""Tiketi as the cards know it: its services, environments, addresses, and two people with their role."""

from dataclasses import replace

from bot.domain.catalog import Catalog, Environment, Service

SERVICES = ("backend", "auth-service", "ticket-service", "payment-service", "stats-service")
APPROVERS, MINA, JIWON = 400, 11, 12


def catalog(*, mention: int | None = APPROVERS) -> Catalog:
    """Tiketi, as the default topology describes it."""
    return Catalog(
        repository="ORGANIZATION/project-ticketing",
        project="tiketi",
        registry="123456789012.dkr.ecr.ap-northeast-2.amazonaws.com",
        services={
            name: Service(name=name, directory=f"services/{name}", image=f"tiketi-{name}", workflow=f"{name}-ci-cd.yml")
            for name in SERVICES
        },
        environments={
            "dev": _environment("dev", branch="develop", automated=True),
            "staging": _environment("staging", branch="develop", automated=True),
            "prod": replace(
                _environment("prod", branch="main", automated=False), required_approvals=1, mention=mention
            ),
        },
        logins={MINA: "mina", JIWON: "jiwon"},
    )


def _environment(name: str, *, branch: str, automated: bool) -> Environment:
    return Environment(
        name=name,
        branch=branch,
        application=f"tiketi-{name}",
        page=f"https://argocd.tiketi.com/applications/tiketi-{name}",
        overlay=f"k8s/overlays/{name}",
        namespace="tiketi",
        automated=automated,
    )
