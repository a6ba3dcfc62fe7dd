"""Secrets and addresses, from the environment; wrong settings stop the start.

`Settings` is a plain value: tests and the sandbox build it directly, and nothing around them leaks in. `load` fills
it from `CHATOPS_*` variables, then from `.env`, then from files named like the variables in `/run/secrets` (or in
`CHATOPS_SECRETS_DIR`), and reports every problem at once, by variable name and never with a value.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

PREFIX = "CHATOPS_"
PACKAGED_TOPOLOGY = Path(__file__).with_name("topology.default.yaml")
MOUNTED_SECRETS = Path("/run/secrets")


class SettingsInvalid(Exception):
    """The settings cannot work. The text has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def async_database_url(url: str) -> str:
    """The URL with the driver this program uses, so that a URL copied from a database's console works.

    `postgres://` and `postgresql://` go to asyncpg, `sqlite://` to aiosqlite; libpq's `sslmode` is asyncpg's `ssl`.
    Raises `ValueError` for any other database.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+asyncpg"} and separator:
        return "postgresql+asyncpg://" + re.sub(r"([?&])sslmode=", r"\1ssl=", rest)
    if scheme in {"sqlite", "sqlite+aiosqlite"} and separator:
        return f"sqlite+aiosqlite://{rest}"
    raise ValueError("must start with sqlite:// or postgresql://")


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _id(value: object) -> object:
    # Where pydantic reads `7.0`, `1_000` or True as a number, somebody has written something else than an id.
    text = str(value).strip()
    if isinstance(value, bool | float) or not re.fullmatch("-?[0-9]+", text):
        raise ValueError("must be an id of Discord: digits only, as 'Copy ID' gives it")
    return int(text[:40])  # longer ones are too large as well, and Python does not read any length


def _filled(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("must not be empty")
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address without user, query or fragment")
    return value.rstrip("/")


def _database(value: SecretStr) -> SecretStr:
    return SecretStr(async_database_url(value.get_secret_value()))


def _private_key(value: SecretStr) -> SecretStr:
    # Where an environment variable must fit on one line, people write the line breaks of a PEM file as \n.
    text = value.get_secret_value().replace("\\n", "\n")
    if not text.startswith("-----BEGIN "):
        raise ValueError("must be the text of a PEM file, starting with -----BEGIN")
    return SecretStr(text)


def _rotating(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = tuple(value.split(","))
    if len(parts) > 2:
        raise ValueError("takes one secret, or two with a comma between them while the secret is being changed")
    return parts


def _named(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    if not all(name.strip() and separator for name, separator, _ in pairs):
        raise ValueError("takes name=token, several with a comma between them")
    return {name.strip(): token for name, _, token in pairs}


Secret = Annotated[SecretStr, BeforeValidator(_stripped), AfterValidator(_filled)]
Rotating = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(_rotating)]
HttpUrl = Annotated[str, BeforeValidator(_stripped), AfterValidator(_http_url)]
DatabaseUrl = Annotated[Secret, AfterValidator(_database)]
_DATABASE = SecretStr("sqlite+aiosqlite:///./chatops.db")
DiscordId = Annotated[int, Field(strict=True, gt=0, lt=2**63), BeforeValidator(_id)]


class Settings(BaseModel):
    """Everything the process must be told. The variable of a field is its name in capitals after `CHATOPS_`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    discord_token: Secret
    discord_guild_id: DiscordId
    argocd_url: HttpUrl
    argocd_token: Secret
    argocd_tokens: Annotated[dict[str, Secret], NoDecode, BeforeValidator(_named)] = {}  # of the topology's Argo CDs
    argocd_webhook_token: Rotating = ()  # without it that door stays shut, and the timer alone notices changes
    github_api_url: HttpUrl = "https://api.github.com"
    github_webhook_secret: Rotating
    github_app_id: Annotated[int, Field(gt=0)] | None = None
    github_app_private_key: Annotated[Secret, AfterValidator(_private_key)] | None = None
    github_installation_id: Annotated[int, Field(gt=0)] | None = None
    github_token: Annotated[Secret | None, Field(validate_default=True)] = None
    ci_oidc_issuer: HttpUrl = "https://token.actions.githubusercontent.com"
    ci_oidc_audience: Annotated[str, Field(min_length=1)] | None = None  # without it no OIDC token is accepted
    ci_token: Rotating = ()
    database_url: DatabaseUrl = _DATABASE
    topology: Path = PACKAGED_TOPOLOGY
    # Only this machine, unless told otherwise: what listens to a network is opened on purpose (the image does).
    http_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, lt=2**16)] = 8080
    log_format: Literal["json", "console"] = "json"
    registry_url: HttpUrl | None = None  # without it: the registry that the topology names, Amazon ECR or any other
    registry_username: Annotated[str, Field(min_length=1)] | None = None
    registry_password: Annotated[Secret | None, Field(validate_default=True)] = None
    kubeconfig: FilePath | None = None  # without it: the pod's own service account

    @field_validator("github_token")
    @classmethod
    def _one_way_to_github(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        names = ("github_app_id", "github_app_private_key", "github_installation_id")
        if not all(name in info.data for name in names):
            return token  # one of them is wrong by itself, and that is what the person has to read
        given = [name for name in names if info.data[name] is not None]
        if (token is not None and not given) or (token is None and len(given) == len(names)):
            return token
        found = [_variable(name) for name in (*given, *(["github_token"] if token else []))]
        app = ", ".join(_variable(name) for name in names)
        raise ValueError(f"set either this or all of {app}; set now: {', '.join(found) or 'none'}")

    @field_validator("registry_password")
    @classmethod
    def _both_or_neither(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "registry_username" in info.data and (password is None) != (info.data["registry_username"] is None):
            raise ValueError(f"goes together with {_variable('registry_username')}: set both or neither")
        return password

    def secret_values(self) -> tuple[str, ...]:
        """Every text that must not appear in a log, with the password of the database by itself."""
        held = (getattr(self, name) for name in type(self).model_fields)
        flat = (item for value in held for item in _each(value))
        texts = [item.get_secret_value() for item in flat if isinstance(item, SecretStr)]
        password = urlsplit(self.database_url.get_secret_value()).password
        database = [password, unquote(password)] if password else []
        return (*(text for text in texts if text != self.database_url.get_secret_value()), *database)


def _each(value: object) -> tuple[object, ...]:
    """The values in a field that may hold several."""
    if isinstance(value, dict):
        return tuple(value.values())
    return value if isinstance(value, tuple) else (value,)


_OUTSIDE = SettingsConfigDict(
    env_prefix=PREFIX,
    env_file=".env",
    env_file_encoding="utf-8",
    env_ignore_empty=True,
    extra="ignore",
    hide_input_in_errors=True,
)
"""Where settings come from; other variables with the prefix are not ours to judge."""


class _FromEnvironment(Settings, BaseSettings):
    """The same fields, filled from outside."""

    model_config = _OUTSIDE


class _DatabaseOnly(BaseSettings):
    """The one field that whoever audits the bot needs, filled like all of them."""

    model_config = _OUTSIDE
    database_url: DatabaseUrl = _DATABASE


_Read = TypeVar("_Read", bound=BaseSettings)


def secrets_directory() -> Path | None:
    """Where the files with secrets are; None when nothing is mounted. Raises `SettingsInvalid` when it was chosen."""
    chosen = os.environ.get(f"{PREFIX}SECRETS_DIR")
    secrets = Path(chosen) if chosen else MOUNTED_SECRETS
    if chosen and not secrets.is_dir():
        raise SettingsInvalid([f"{PREFIX}SECRETS_DIR: is not a directory"])
    return secrets if secrets.is_dir() else None


def load() -> Settings:
    """The settings of this process. Raises `SettingsInvalid` with every problem there is."""
    return _read(_FromEnvironment)


def load_database_url() -> str:
    """The address of the database alone, for whoever has no other secret. Raises `SettingsInvalid`."""
    return _read(_DatabaseOnly).database_url.get_secret_value()


def _read(kind: type[_Read]) -> _Read:
    secrets = secrets_directory()
    try:
        return kind(_secrets_dir=secrets)
    except ValidationError as error:
        raise SettingsInvalid(
            [
                f"{_variable(str(problem['loc'][0]))}: {_reason(problem['type'], problem['msg'])}"
                for problem in error.errors()
            ]
        ) from None  # the original repeats its input, and some of that is secret
    except SettingsError as error:  # a file that cannot be read; the text names the field
        raise SettingsInvalid([str(error)]) from None


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is required"
    return message.removeprefix("Value error, ").removeprefix("Input ")
