"""Settings: what is read, and what a person is told when something is wrong."""

import pytest
from pydantic import ValidationError

from bot import settings
from bot.settings import Settings, SettingsInvalid
from tests.settings.given import APP, PEM, load, problems


def test_required_variables_are_enough_and_the_rest_has_safe_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch)

    assert loaded.discord_token.get_secret_value() == "discord-token-value"
    assert loaded.discord_guild_id == 100000000000000001
    assert loaded.argocd_url == "https://argocd.example.com"
    assert [secret.get_secret_value() for secret in loaded.github_webhook_secret] == ["webhook-secret-value"]
    assert loaded.database_url.get_secret_value() == "sqlite+aiosqlite:///./chatops.db"
    assert loaded.topology.name == "topology.default.yaml"
    assert (loaded.http_host, loaded.http_port, loaded.log_format) == ("127.0.0.1", 8080, "json")
    assert loaded.github_api_url == "https://api.github.com"
    assert loaded.ci_oidc_issuer == "https://token.actions.githubusercontent.com"
    assert (loaded.ci_oidc_audience, loaded.ci_token, loaded.argocd_webhook_token) == (None, (), ())
    assert loaded.kubeconfig is None


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        settings.load()

    assert caught.value.problems == (
        "CHATOPS_DISCORD_TOKEN: is required",
        "CHATOPS_DISCORD_GUILD_ID: is required",
        "CHATOPS_ARGOCD_URL: is required",
        "CHATOPS_ARGOCD_TOKEN: is required",
        "CHATOPS_GITHUB_WEBHOOK_SECRET: is required",
        "CHATOPS_GITHUB_TOKEN: set either this or all of CHATOPS_GITHUB_APP_ID, CHATOPS_GITHUB_APP_PRIVATE_KEY, "
        "CHATOPS_GITHUB_INSTALLATION_ID; set now: none",
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DISCORD_TOKEN", "", "is required"),
        ("ARGOCD_URL", "argocd.example.com", "must be an http:// or https:// address"),
        ("ARGOCD_URL", "https://me:hunter2@argocd.example.com", "must be an address without user, query or fragment"),
        ("HTTP_PORT", "65536", "should be less than 65536"),
        ("LOG_FORMAT", "xml", "should be 'json' or 'console'"),
        ("DATABASE_URL", "mysql://me:hunter2@db/chatops", "must start with sqlite:// or postgresql://"),
        ("KUBECONFIG", "/nonexistent/config", "Path does not point to a file"),
        (
            "GITHUB_WEBHOOK_SECRET",
            "hunter2,hunter3,hunter4",
            "takes one secret, or two with a comma between them while the secret is being changed",
        ),
        ("GITHUB_WEBHOOK_SECRET", "hunter2,", "must not be empty"),
        ("ARGOCD_TOKEN", "   ", "must not be empty"),
    ],
)
def test_a_wrong_value_is_reported_by_name_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    found = problems(monkeypatch, **{f"CHATOPS_{name}": value})

    assert found == [f"CHATOPS_{name}: {reason}"]
    assert "hunter2" not in found[0]


NO_ID = "must be an id of Discord: digits only, as 'Copy ID' gives it"
IDS = {
    **dict.fromkeys([str(2**63), str(2**64), "9" * 25, "9" * 5000], f"should be less than {2**63}"),
    "0": "should be greater than 0",
    "-1": "should be greater than 0",
    **dict.fromkeys(["my-guild", "true", "7.0", "1e18", "1_000", "+7", "0x10", "<@&7>"], NO_ID),
    **dict.fromkeys(["7,8", "\uff11\uff10", "\u0663"], NO_ID),
}


@pytest.mark.parametrize("value", IDS)
def test_what_is_no_id_of_a_server_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert problems(monkeypatch, CHATOPS_DISCORD_GUILD_ID=value) == [f"CHATOPS_DISCORD_GUILD_ID: {IDS[value]}"]


def test_the_smallest_and_the_largest_id_of_a_server_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [load(monkeypatch, CHATOPS_DISCORD_GUILD_ID=one).discord_guild_id for one in ("1", f" {2**63 - 1}\n")]
    assert ids == [1, 2**63 - 1]


@pytest.mark.parametrize("value", [True, 7.0, None, -7, 2**63])
def test_what_is_no_id_is_refused_as_a_value_too(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    loaded = load(monkeypatch).model_dump()
    with pytest.raises(ValidationError, match="1 validation error for Settings\ndiscord_guild_id\n"):
        Settings.model_validate(loaded | {"discord_guild_id": value})


def test_a_secret_does_not_show_in_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(monkeypatch, CHATOPS_HTTP_PORT="no", CHATOPS_DISCORD_TOKEN="hunter2")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ is True


def test_github_app_instead_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    one_line = PEM.replace("\n", "\\n")
    loaded = load(monkeypatch, **(APP | {"CHATOPS_GITHUB_TOKEN": None, "CHATOPS_GITHUB_APP_PRIVATE_KEY": one_line}))

    assert (loaded.github_app_id, loaded.github_installation_id, loaded.github_token) == (12, 34, None)
    assert loaded.github_app_private_key is not None
    assert loaded.github_app_private_key.get_secret_value() == PEM


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (APP, ", ".join([*APP, "CHATOPS_GITHUB_TOKEN"])),
        ({"CHATOPS_GITHUB_APP_ID": "12"}, "CHATOPS_GITHUB_APP_ID, CHATOPS_GITHUB_TOKEN"),
        ({"CHATOPS_GITHUB_APP_ID": "12", "CHATOPS_GITHUB_TOKEN": None}, "CHATOPS_GITHUB_APP_ID"),
    ],
)
def test_two_ways_or_half_a_way_to_github_are_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], found: str
) -> None:
    assert problems(monkeypatch, **changes) == [
        "CHATOPS_GITHUB_TOKEN: set either this or all of CHATOPS_GITHUB_APP_ID, CHATOPS_GITHUB_APP_PRIVATE_KEY, "
        f"CHATOPS_GITHUB_INSTALLATION_ID; set now: {found}"
    ]


@pytest.mark.parametrize("name", ["github_webhook_secret", "argocd_webhook_token", "ci_token"])
def test_two_secrets_of_a_door_for_rotation(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    loaded = load(monkeypatch, **{f"CHATOPS_{name.upper()}": "new-one, old-one"})

    assert [secret.get_secret_value() for secret in getattr(loaded, name)] == ["new-one", "old-one"]
    assert {"new-one", "old-one"} <= set(loaded.secret_values())
    given = "hunter2,hunter3,hunter4"
    sentence = "takes one secret, or two with a comma between them while the secret is being changed"
    assert problems(monkeypatch, **{f"CHATOPS_{name.upper()}": given}) == [f"CHATOPS_{name.upper()}: {sentence}"]


def test_tokens_of_further_argocds(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, CHATOPS_ARGOCD_TOKENS="laptop=one.two.three==, edge = four")

    assert {name: token.get_secret_value() for name, token in loaded.argocd_tokens.items()} == {
        "laptop": "one.two.three==",
        "edge": "four",
    }
    assert {"one.two.three==", "four"} <= set(loaded.secret_values())
    assert "four" not in repr(loaded)


@pytest.mark.parametrize("given", ["laptop", "laptop=one,two", "=one"])
def test_a_token_without_a_name_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    assert problems(monkeypatch, CHATOPS_ARGOCD_TOKENS=given) == [
        "CHATOPS_ARGOCD_TOKENS: takes name=token, several with a comma between them"
    ]


def test_the_login_of_a_registry_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, CHATOPS_REGISTRY_USERNAME="chatops", CHATOPS_REGISTRY_PASSWORD="registry-value")
    assert loaded.registry_username == "chatops"
    assert loaded.registry_password is not None
    assert loaded.registry_password.get_secret_value() == "registry-value"
    assert "registry-value" in loaded.secret_values()


@pytest.mark.parametrize("given", ["CHATOPS_REGISTRY_USERNAME", "CHATOPS_REGISTRY_PASSWORD"])
def test_half_a_login_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    assert problems(monkeypatch, **{given: "half"}) == [
        "CHATOPS_REGISTRY_PASSWORD: goes together with CHATOPS_REGISTRY_USERNAME: set both or neither"
    ]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://bot:pw@db:5432/chatops", "postgresql+asyncpg://bot:pw@db:5432/chatops"),
        ("postgresql://bot@db/chatops?sslmode=require", "postgresql+asyncpg://bot@db/chatops?ssl=require"),
        (
            "postgresql+asyncpg://bot@db/chatops?a=1&sslmode=disable",
            "postgresql+asyncpg://bot@db/chatops?a=1&ssl=disable",
        ),
        ("sqlite:////data/chatops.db", "sqlite+aiosqlite:////data/chatops.db"),
    ],
)
def test_a_database_url_gets_the_driver_in_use(monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
    assert load(monkeypatch, CHATOPS_DATABASE_URL=given).database_url.get_secret_value() == used


def test_direct_construction_reads_nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch)
    monkeypatch.setenv("CHATOPS_HTTP_PORT", "9")

    again = Settings(**{name: getattr(loaded, name) for name in Settings.model_fields})

    assert again.http_port == 8080


def test_secret_values_are_all_there_is_to_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(
        monkeypatch,
        CHATOPS_CI_TOKEN="ci-token-value",
        CHATOPS_GITHUB_WEBHOOK_SECRET="new-one,old-one",
        CHATOPS_DATABASE_URL="postgresql://bot:p%40ss@db/chatops",
    )

    assert set(loaded.secret_values()) == {
        "discord-token-value",
        "argocd-token-value",
        "github-token-value",
        "new-one",
        "old-one",
        "ci-token-value",
        "p%40ss",
        "p@ss",
    }
    assert "token-value" not in repr(loaded)
