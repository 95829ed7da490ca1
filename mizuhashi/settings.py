"""Settings of one run: flag, then environment ``MIZUHASHI_*``, then default; frozen, unknown keys refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from findings.errors import ConfigError
from imagery.sources.sentinel_access import SentinelProfile

PREFIX = "MIZUHASHI_"


def _default_home() -> Path:
    from findings.store import store_home

    return store_home()


class Settings(BaseSettings):
    """What one run needs to know before it opens anything.

    Attributes:
        home: folder of the database, the overlays and the user's own model versions.
        database_url: SQLAlchemy URL of the store; None: the SQLite file in ``home``. It may hold a password,
            so it prints masked.
        standards: folder of the agency's own ``<name>.yaml`` standards, which take the place of the packaged ones.
        sh_client_id: OAuth client of Sentinel Hub; prints masked, as the secret does.
        sh_client_secret: secret of that client.
        sh_profile: which deployment the client belongs to.
        sh_base_url: address of the service in place of the profile's.
        sh_token_url: address of its token service in place of the profile's.
        stac_hosts: further hosts that ``fetch stac`` may reach, separated by commas; a leading dot takes all below.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    home: Path = Field(default_factory=_default_home, description="Folder of the database, overlays and own models.")
    database_url: SecretStr | None = Field(default=None, description="SQLAlchemy URL; default: SQLite in the home.")
    standards: Path | None = Field(default=None, description="Folder of own standards; default: the packaged ones.")
    sh_client_id: SecretStr | None = Field(default=None, description="OAuth client id for Sentinel Hub.")
    sh_client_secret: SecretStr | None = Field(default=None, description="Secret of that OAuth client.")
    sh_profile: SentinelProfile = Field(default=SentinelProfile.CDSE, description="cdse or sentinelhub.")
    sh_base_url: str | None = Field(default=None, description="Address of the service; default: the profile's.")
    sh_token_url: str | None = Field(default=None, description="Address of its token service; default: the profile's.")
    stac_hosts: str | None = Field(default=None, description="Further hosts for fetch stac: name,name,.domain")

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:  # ~NAME of nobody
            raise ValueError(f"{value}: {error} Give a whole path") from error


def load_settings(*, home: Path | None = None, database_url: str | None = None) -> Settings:
    """Return the settings; an argument that is given wins over the environment.

    Raises:
        ConfigError: an environment variable ``MIZUHASHI_*`` that no setting reads, or an impossible value.
    """
    _refuse_unknown(os.environ)
    given: dict[str, Any] = {}
    if home is not None:
        given["home"] = home
    if database_url is not None:
        given["database_url"] = SecretStr(database_url)
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])).upper()
        raise ConfigError(f"{PREFIX}{where}: {first['msg']}") from error


def environment_names() -> tuple[str, ...]:
    """Return the environment variables that are read, in the order of the settings."""
    return tuple(PREFIX + name.upper() for name in Settings.model_fields)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = set(environment_names())
    ours = (name for name in environment if name.startswith(PREFIX) and not name.startswith(PREFIX + "TEST_"))
    unknown = sorted(name for name in ours if name not in known)
    if unknown:
        raise ConfigError(
            f"unknown environment variable {', '.join(unknown)}; the settings are {', '.join(sorted(known))}: "
            "correct the name or unset it"
        )
