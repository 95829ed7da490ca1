"""Settings: flag, then environment, then default; a wrong name is told."""

from __future__ import annotations

from pathlib import Path

import pydantic
import pytest

from findings.errors import ConfigError
from mizuhashi.settings import environment_names, load_settings


def test_the_flag_wins_over_the_environment_and_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MIZUHASHI_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert load_settings().home == tmp_path / "data" / "mizuhashi"
    monkeypatch.setenv("MIZUHASHI_HOME", str(tmp_path / "environment"))
    assert load_settings().home == tmp_path / "environment"
    assert load_settings(home=tmp_path / "flag").home == tmp_path / "flag"


def test_an_unknown_variable_is_refused_with_the_list_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZUHASHI_HOEM", "somewhere")
    with pytest.raises(
        ConfigError, match=r"MIZUHASHI_HOEM; the settings are MIZUHASHI_DATABASE_URL, MIZUHASHI_HOME, MIZUHASHI_SH_"
    ):
        load_settings()


def test_the_password_of_the_database_does_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZUHASHI_DATABASE_URL", "postgresql+psycopg://someone:topsecret@127.0.0.1/mizuhashi")
    settings = load_settings()
    assert "topsecret" not in repr(settings)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().endswith("@127.0.0.1/mizuhashi")


def test_the_credentials_of_sentinel_hub_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZUHASHI_SH_CLIENT_ID", "sh-someone")
    monkeypatch.setenv("MIZUHASHI_SH_CLIENT_SECRET", "topsecret")
    monkeypatch.setenv("MIZUHASHI_SH_PROFILE", "sentinelhub")
    settings = load_settings()
    assert "topsecret" not in repr(settings) + str(settings) + repr(settings.model_dump())
    assert "sh-someone" not in repr(settings)
    assert settings.sh_client_secret is not None
    assert settings.sh_client_secret.get_secret_value() == "topsecret"
    assert settings.sh_profile == "sentinelhub"


def test_a_profile_that_does_not_exist_is_refused_without_repeating_the_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIZUHASHI_SH_CLIENT_SECRET", "topsecret")
    monkeypatch.setenv("MIZUHASHI_SH_PROFILE", "creodias")
    with pytest.raises(ConfigError, match=r"MIZUHASHI_SH_PROFILE.*'cdse' or 'sentinelhub'") as caught:
        load_settings()
    assert "topsecret" not in str(caught.value)


def test_every_setting_stands_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert [name for name in environment_names() if name not in readme] == []


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZUHASHI_DATABASE_URL", "")
    assert load_settings().database_url is None


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.home = tmp_path / "other"


def test_the_home_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="whole path"):
        load_settings(home=Path("~nobody-of-that-name/x"))
