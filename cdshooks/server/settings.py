"""What an operator can set, all of it, read once from the environment at start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cdshooks.engine.centers import is_npi
from cdshooks.engine.crd_table import Side
from cdshooks.server.addresses import FhirAccess, read_address

PREFIX = "CDSHOOKS_"
Network = IPv4Network | IPv6Network
Mode = Literal["demo", "production"]
_SHORTEST_KEY = 32
_MOST_DOSSIER_DAYS = 365


@dataclass(frozen=True)
class Setting:
    """One environment variable: its default as written, and what it means to an operator."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("CDSHOOKS_LIBRARY", "", "folder of the card library; empty means the copy that ships with the package"),
    Setting(
        "CDSHOOKS_DATABASE_URL",
        "",
        "sqlite:///FILE or postgresql://…; empty means cdshooks/cdshooks.db in the user's data directory",
    ),
    Setting("CDSHOOKS_PUBLIC_URL", "", "address that EHRs call, for links; empty means the address of each call"),
    Setting("CDSHOOKS_CLIENTS", "", "file of the EHRs that may call; needed in production"),
    Setting("CDSHOOKS_ADDRESS_RATE", "200", "calls per second from one IP address, in each worker; 0 is no limit"),
    Setting(
        "CDSHOOKS_METRICS_FROM", "127.0.0.0/8 ::1/128", "networks that may read /metrics and /feedback in production"
    ),
    Setting("CDSHOOKS_TIMEZONE", "UTC", "IANA time zone whose calendar day is today"),
    Setting("CDSHOOKS_MODE", "production", "demo (open to anyone, synthetic data only) or production"),
    Setting("CDSHOOKS_DEMO_FHIR_SERVERS", "", "FHIR servers that an open demo may read, with blanks between them"),
    Setting("CDSHOOKS_DEFAULT_FACILITY", "", "NPI of the treatment centre to use when an order names none"),
    Setting(
        "CDSHOOKS_PATIENT_KEY", "", "key of the hashes that stand for patients in the records; empty: one in the store"
    ),
    Setting("CDSHOOKS_SIDE", "provider", "who speaks in coverage information: provider or payer"),
    Setting("CDSHOOKS_RETENTION_DAYS", "", "days that records are kept; empty means for ever"),
    Setting("CDSHOOKS_DOSSIER_DAYS", "30", "days that a dossier, which is chart text, is kept; 0 is no dossiers"),
    Setting("CDSHOOKS_DOSSIER_KEY", "", "key that signs links to dossiers; empty: one in the store"),
)


class SettingsError(ValueError):
    """A setting that cannot be used: its name, what was read and what to write instead."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process."""

    library: Path
    database_url: str = field(repr=False)  # it may hold a password
    public_url: str | None
    clients: Path | None
    address_rate: int
    metrics_from: tuple[Network, ...]
    timezone: ZoneInfo
    mode: Mode
    default_facility: str | None
    patient_key: str | None = field(default=None, repr=False)
    retention_days: int | None = None
    demo_fhir_servers: tuple[str, ...] = ()
    dossier_days: int = 30
    dossier_key: str | None = field(default=None, repr=False)
    side: Side = "provider"

    @property
    def demo_access(self) -> FhirAccess | None:
        """What an open demo may read from FHIR servers: those that were named, and of any other the card says so."""
        return FhirAccess(self.demo_fhir_servers, allow_loopback=True, without_token=True) if self.demo else None

    @property
    def demo(self) -> bool:
        """Whether there is synthetic data only; anyone may call, unless there is a clients file."""
        return self.mode == "demo"

    @property
    def notice(self) -> str | None:
        """What a demo says of itself wherever it can."""
        if not self.demo:
            return None
        who = "registered clients" if self.clients else "anyone"
        return f"DEMO MODE: {who} can call this; synthetic data only."

    def environment(self) -> dict[str, str]:
        """The variables from which `read_settings` makes these settings again, in a worker process."""
        return {
            "CDSHOOKS_LIBRARY": str(self.library),
            "CDSHOOKS_DATABASE_URL": self.database_url,
            "CDSHOOKS_PUBLIC_URL": self.public_url or "",
            "CDSHOOKS_CLIENTS": str(self.clients or ""),
            "CDSHOOKS_ADDRESS_RATE": str(self.address_rate),
            "CDSHOOKS_METRICS_FROM": " ".join(map(str, self.metrics_from)),
            "CDSHOOKS_TIMEZONE": self.timezone.key,
            "CDSHOOKS_MODE": self.mode,
            "CDSHOOKS_DEFAULT_FACILITY": self.default_facility or "",
            "CDSHOOKS_PATIENT_KEY": self.patient_key or "",
            "CDSHOOKS_RETENTION_DAYS": str(self.retention_days or ""),
            "CDSHOOKS_DEMO_FHIR_SERVERS": " ".join(self.demo_fhir_servers),
            "CDSHOOKS_DOSSIER_DAYS": str(self.dossier_days),
            "CDSHOOKS_DOSSIER_KEY": self.dossier_key or "",
            "CDSHOOKS_SIDE": self.side,
        }


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises SettingsError for one that is unknown or cannot be used."""
    _check_names(environment)
    read = {setting.name: environment.get(setting.name, "").strip() or setting.default for setting in SETTINGS}
    return Settings(
        library=_library(read["CDSHOOKS_LIBRARY"]),
        database_url=_database_url(read["CDSHOOKS_DATABASE_URL"]),
        public_url=_public_url(read["CDSHOOKS_PUBLIC_URL"]),
        clients=_clients(read["CDSHOOKS_CLIENTS"]),
        address_rate=_address_rate(read["CDSHOOKS_ADDRESS_RATE"]),
        metrics_from=_networks(read["CDSHOOKS_METRICS_FROM"]),
        timezone=_timezone(read["CDSHOOKS_TIMEZONE"]),
        mode=_mode(read["CDSHOOKS_MODE"]),
        default_facility=_default_facility(read["CDSHOOKS_DEFAULT_FACILITY"]),
        patient_key=_key("CDSHOOKS_PATIENT_KEY", read["CDSHOOKS_PATIENT_KEY"]),
        retention_days=_retention_days(read["CDSHOOKS_RETENTION_DAYS"]),
        demo_fhir_servers=_demo_fhir_servers(read["CDSHOOKS_DEMO_FHIR_SERVERS"]),
        dossier_days=_dossier_days(read["CDSHOOKS_DOSSIER_DAYS"]),
        dossier_key=_key("CDSHOOKS_DOSSIER_KEY", read["CDSHOOKS_DOSSIER_KEY"]),
        side=_side(read["CDSHOOKS_SIDE"]),
    )


def default_library() -> Path:
    """The card library to use when none is set: this checkout's, else the copy inside the installed package."""
    return _shipped("cards")


def default_fixtures() -> Path:
    """The synthetic charts: this checkout's, else the copy inside the installed package."""
    return _shipped("fhir_fixtures")


def default_database() -> Path:
    """The SQLite file to use when no database is set: the same one from whatever folder a command is started."""
    data = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return folder / "cdshooks" / "cdshooks.db"


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    if (package.parent / "pyproject.toml").is_file():
        return package.parent / name
    return package / "_data" / name


def _check_names(environment: Mapping[str, str]) -> None:
    known = [setting.name for setting in SETTINGS]
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name} is not a setting of this release. Write one of {', '.join(known)}.")


def _library(text: str) -> Path:
    if not text:
        return default_library()
    if not Path(text).is_dir():
        raise _unusable("CDSHOOKS_LIBRARY", text, "the path of a card library folder, such as cards")
    return Path(text).resolve()


def _database_url(text: str) -> str:
    if not text:
        return f"sqlite:///{default_database()}"
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/") and rest != "/:memory:":
        return f"sqlite:///{Path(rest[1:]).absolute()}"
    if scheme in ("postgresql", "postgres") and rest:
        return f"postgresql://{rest}"
    shown = re.sub(r":[^:@/]*@", ":***@", text)
    raise _unusable("CDSHOOKS_DATABASE_URL", shown, "sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE")


def _public_url(text: str) -> str | None:
    if not text:
        return None
    wanted = "an absolute address without a query, such as https://cds.hospital.example"
    try:
        url = urlsplit(text)
    except ValueError:
        raise _unusable("CDSHOOKS_PUBLIC_URL", text, wanted) from None
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
        raise _unusable("CDSHOOKS_PUBLIC_URL", text, wanted)
    return text.rstrip("/")


def _clients(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise _unusable("CDSHOOKS_CLIENTS", text, "the path of a clients file; docs/clients.example.toml is one")
    return Path(text).resolve() if text else None


def _address_rate(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise _unusable("CDSHOOKS_ADDRESS_RATE", text, "a whole number of calls per second, such as 200; 0 is no limit")
    return int(text)


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(map(ip_network, text.split()))
    except ValueError:
        wanted = "networks with blanks between them, such as 127.0.0.0/8 10.1.2.0/24"
        raise _unusable("CDSHOOKS_METRICS_FROM", text, wanted) from None


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unusable("CDSHOOKS_TIMEZONE", text, "an IANA name, such as America/New_York") from None


def _mode(text: str) -> Mode:
    if text not in ("demo", "production"):
        raise _unusable("CDSHOOKS_MODE", text, "demo or production")
    return cast(Mode, text)


def _side(text: str) -> Side:
    if text not in ("provider", "payer"):
        raise _unusable("CDSHOOKS_SIDE", text, "provider or payer")
    return cast(Side, text)


def _demo_fhir_servers(text: str) -> tuple[str, ...]:
    for server in text.split():
        if read_address(server, allow_loopback=True) is None:
            wanted = "addresses that begin with https://, or http://127.0.0.1:PORT/… on this machine"
            raise _unusable("CDSHOOKS_DEMO_FHIR_SERVERS", server, wanted)
    return tuple(text.split())


def _default_facility(text: str) -> str | None:
    if text and not is_npi(text):
        raise _unusable("CDSHOOKS_DEFAULT_FACILITY", text, "an NPI: ten digits of which the last checks the others")
    return text or None


def _key(name: str, text: str) -> str | None:
    if text and len(text) < _SHORTEST_KEY:
        shown = f"of {len(text)} characters"
        raise SettingsError(f"{name} is {shown}. Write {_SHORTEST_KEY} or more that nobody can guess.")
    return text or None


def _retention_days(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        raise _unusable("CDSHOOKS_RETENTION_DAYS", text, "a number of days, such as 2192 for six years")
    return int(text)


def _dossier_days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= _MOST_DOSSIER_DAYS):
        wanted = f"a whole number of days up to {_MOST_DOSSIER_DAYS}, such as 30; 0 is no dossiers"
        raise _unusable("CDSHOOKS_DOSSIER_DAYS", text, wanted)
    return int(text)


def _unusable(name: str, read: str, wanted: str) -> SettingsError:
    return SettingsError(f"{name} is {read!r}. Write {wanted}.")
