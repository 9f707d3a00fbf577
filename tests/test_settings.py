"""Settings: the defaults, the refusals, and where the shipped data is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdshooks.server.settings import (
    SETTINGS,
    SettingsError,
    default_database,
    default_fixtures,
    default_library,
    read_settings,
)


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read_settings({"PATH": "/bin"})
    assert settings.library == default_library()
    assert settings.timezone.key == "UTC"
    assert settings.mode == "production"
    assert settings.public_url is None
    assert settings.default_facility is None


def test_everything_can_be_set(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "CDSHOOKS_LIBRARY": str(tmp_path),
            "CDSHOOKS_DATABASE_URL": "postgresql://cds:secret@db.hospital.example/cds",
            "CDSHOOKS_PUBLIC_URL": "https://cds.hospital.example/",
            "CDSHOOKS_TIMEZONE": "America/New_York",
            "CDSHOOKS_MODE": "demo",
            "CDSHOOKS_DEFAULT_FACILITY": "1234567893",
        }
    )
    assert settings.library == tmp_path
    assert settings.database_url == "postgresql://cds:secret@db.hospital.example/cds"
    assert "secret" not in repr(settings)
    assert settings.public_url == "https://cds.hospital.example"
    assert settings.timezone.key == "America/New_York"
    assert settings.demo
    assert settings.default_facility == "1234567893"


def test_settings_survive_the_way_to_a_worker_process() -> None:
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DEFAULT_FACILITY": "1234567893"})
    assert set(settings.environment()) == {setting.name for setting in SETTINGS}
    assert read_settings(settings.environment()) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CDSHOOKS_LIBRARY", "/no/such/folder"),
        ("CDSHOOKS_DATABASE_URL", "cdshooks.db"),
        ("CDSHOOKS_DATABASE_URL", "sqlite://"),
        ("CDSHOOKS_DATABASE_URL", "sqlite:///"),
        ("CDSHOOKS_DATABASE_URL", "sqlite:///:memory:"),
        ("CDSHOOKS_DATABASE_URL", "mysql://db.hospital.example/cds"),
        ("CDSHOOKS_DATABASE_URL", "postgresql://"),
        ("CDSHOOKS_PUBLIC_URL", "cds.hospital.example"),
        ("CDSHOOKS_PUBLIC_URL", "ftp://cds.hospital.example"),
        ("CDSHOOKS_PUBLIC_URL", "https://"),
        ("CDSHOOKS_DEMO_FHIR_SERVERS", "http://fhir.hospital.example/r4"),
        ("CDSHOOKS_DEMO_FHIR_SERVERS", "http://user@127.0.0.1/r4"),
        ("CDSHOOKS_PUBLIC_URL", "https://user@cds.hospital.example"),
        ("CDSHOOKS_PUBLIC_URL", "https://cds.hospital.example/?x=1"),
        ("CDSHOOKS_PUBLIC_URL", "https://[cds"),
        ("CDSHOOKS_CLIENTS", "/no/such/file.toml"),
        ("CDSHOOKS_ADDRESS_RATE", "many"),
        ("CDSHOOKS_ADDRESS_RATE", "-1"),
        ("CDSHOOKS_ADDRESS_RATE", "1.5"),
        ("CDSHOOKS_METRICS_FROM", "everyone"),
        ("CDSHOOKS_METRICS_FROM", "10.1.2.3/8"),
        ("CDSHOOKS_TIMEZONE", "Mars/Olympus"),
        ("CDSHOOKS_TIMEZONE", "../etc/passwd"),
        ("CDSHOOKS_TIMEZONE", "America"),
        ("CDSHOOKS_MODE", "Demo"),
        ("CDSHOOKS_MODE", "staging"),
        ("CDSHOOKS_DEFAULT_FACILITY", "1234567890"),
        ("CDSHOOKS_DEFAULT_FACILITY", "123456789"),
        ("CDSHOOKS_DEFAULT_FACILITY", "١٢٣٤٥٦٧٨٩٣"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_to_write(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({name: value})
    assert str(error.value).startswith(f"{name} is {value!r}. Write ")


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"mysql://cds:\*\*\*@db"):
        read_settings({"CDSHOOKS_DATABASE_URL": "mysql://cds:secret@db/cds"})


def test_without_a_database_there_is_one_file_for_each_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert read_settings({}).database_url == f"sqlite:///{tmp_path}/cdshooks/cdshooks.db"
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_database() == Path("/home/someone/.local/share/cdshooks/cdshooks.db")


def test_a_database_file_is_the_same_from_every_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"CDSHOOKS_DATABASE_URL": "sqlite:///own.db"}).database_url == f"sqlite:///{tmp_path}/own.db"


def test_a_misspelled_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="CDSHOOKS_TIMEZON is not a setting"):
        read_settings({"CDSHOOKS_TIMEZON": "UTC"})


def test_a_demo_says_who_may_call(tmp_path: Path) -> None:
    (tmp_path / "clients.toml").touch()
    clients = str(tmp_path / "clients.toml")
    assert read_settings({"CDSHOOKS_MODE": "demo"}).notice == "DEMO MODE: anyone can call this; synthetic data only."
    guarded = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_CLIENTS": clients})
    assert guarded.notice == "DEMO MODE: registered clients can call this; synthetic data only."
    assert read_settings({"CDSHOOKS_CLIENTS": clients}).notice is None


def test_a_checkout_uses_its_own_data() -> None:
    root = Path(__file__).parents[1]
    assert default_library() == root / "cards"
    assert default_fixtures() == root / "fhir_fixtures"
