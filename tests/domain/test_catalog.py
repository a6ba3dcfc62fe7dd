"""What exists is found by the names that GitHub and Argo CD use for it."""

import pytest

from bot.domain.catalog import Catalog, Environment, Service


def environment(name: str, *, branch: str, pipeline: bool = True) -> Environment:
    return Environment(
        name=name,
        branch=branch,
        application=f"shop-{name}",
        overlay=f"k8s/overlays/{name}",
        namespace="shop",
        automated=name != "prod",
        pipeline=pipeline,
    )


CATALOG = Catalog(
    repository="acme/shop",
    project="shop",
    registry="registry.example.com",
    services={
        name: Service(name=name, directory=name, image=f"shop-{name}", workflow=f"{name}.yml")
        for name in ("api", "web")
    },
    environments={
        "dev": environment("dev", branch="develop", pipeline=False),
        "staging": environment("staging", branch="develop"),
        "prod": environment("prod", branch="main"),
    },
    logins={11: "mina", 12: "jiwon"},
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".github/workflows/api.yml", "api"),
        (".github/workflows/web.yml@refs/heads/feature/x", "web"),
        ("acme/shop/.github/workflows/api.yml@refs/heads/main", "api"),
        ("api.yml", "api"),
        (".github/workflows/lint.yml", None),
        (".github/workflows/my-api.yml", None),
        ("", None),
    ],
)
def test_a_workflow_file_builds_one_service(path: str, expected: str | None) -> None:
    found = CATALOG.service_of_workflow(path)

    assert (found.name if found else None) == expected


@pytest.mark.parametrize(("branch", "expected"), [("develop", "staging"), ("main", "prod"), ("feature/x", None)])
def test_a_branch_builds_for_the_environment_with_a_pipeline(branch: str, expected: str | None) -> None:
    found = CATALOG.environment_of_branch(branch)

    assert (found.name if found else None) == expected


@pytest.mark.parametrize(("application", "expected"), [("shop-dev", ["dev"]), ("shop-prod", ["prod"]), ("other", [])])
def test_an_application_stands_for_its_environment(application: str, expected: list[str]) -> None:
    assert [place.name for place in CATALOG.environments_of_application(application)] == expected


def test_the_image_of_a_service_is_what_manifests_say() -> None:
    assert CATALOG.image_of("api") == "registry.example.com/shop-api"


@pytest.mark.parametrize(
    ("login", "expected"), [("mina", 11), ("MiNa", 11), ("haneul", None), ("", None), (None, None)]
)
def test_a_login_is_found_in_any_case(login: str | None, expected: int | None) -> None:
    assert CATALOG.discord_id_of(login) == expected
