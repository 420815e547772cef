"""Settings: one frozen object, read once from the node's `iars.toml` and from `IARS_…` variables."""

from __future__ import annotations

import os
import re
import tomllib
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from iars_node.errors import SetupError
from iars_protocol.fields import LANGUAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "IARS_"
FILE_NAME = "iars.toml"
KIB, MIB = 1024, 1024 * 1024
# Said to the tests, not to a node; but a node that a test starts inherits them.
TESTS_PREFIX = "IARS_TESTS_"
# Said to the command line: who acts, and an account's new password. A node inherits them as well.
COMMAND_VARIABLES = frozenset({"IARS_ACCOUNT", "IARS_PASSWORD"})
TLS_FILES = ("tls_certificate", "tls_key")
_MAILBOX = re.compile(r"[^\s@<>]{1,64}@[A-Za-z0-9.-]{1,190}").fullmatch
# What lies beside the time zones: their doubles, those that count leap seconds, and what a machine keeps.
_OTHER_CLOCKS = ("posix", "right/")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

EVERYBODY, NOBODY = "everybody", "nobody"

Seconds = Annotated[int, Field(ge=1)]


def _sqlite_in_folder(name: str, validated: dict[str, Any]) -> str:
    return f"sqlite:///{validated['folder'] / name}"


def _is_in_the_clear(url: str) -> bool:
    """Say whether a database is reached over a network whose other end nobody proves."""
    parts = urlsplit(url)
    named = parse_qs(parts.query)
    # A folder is a socket's, on this machine.
    hosts = {host for host in (parts.hostname, *named.get("host", ())) if host and not host.startswith("/")}
    is_away = not parts.scheme.startswith("sqlite") and not hosts <= LOOPBACK
    return is_away and named.get("sslmode") != ["verify-full"]


class Settings(BaseSettings):
    """What one node may be told from outside. A variable wins over the file, the file over the default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", validate_default=True)

    # Where it lives
    folder: Path = Field(default_factory=lambda: Path.home() / ".iars")
    database_url: str = Field(
        default_factory=lambda so_far: _sqlite_in_folder("node.sqlite", so_far), repr=False
    )
    key_store_url: str = Field(
        default_factory=lambda so_far: _sqlite_in_folder("keys.sqlite", so_far), repr=False
    )
    passphrase_file: Path | None = None
    passphrase: SecretStr | None = None
    attachment_folder: Path = Field(default_factory=lambda so_far: so_far["folder"] / "attachments")

    # Where it is reached, and whom it trusts on the hop
    host: str = "127.0.0.1"
    port: int = Field(default=8470, ge=0, le=65535)
    public_url: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    ca_file: Path | None = None
    # A proxy in front ends the TLS; without one, or TLS here, the node listens on this machine alone.
    behind_proxy: bool = False
    # From where alone a proxy's word counts about who asks and whether they came over TLS
    proxy_addresses: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "::1")

    # What its people see
    training: bool = False
    zone: str = "UTC"
    languages: Annotated[tuple[str, ...], NoDecode] = ("en", "fr")

    # What it takes in
    envelope_bytes: int = Field(default=1 * MIB, ge=4 * KIB, le=16 * MIB)
    batch_envelopes: int = Field(default=50, ge=1, le=100)
    batch_bytes: int = Field(default=256 * KIB, ge=64 * KIB, le=15 * MIB)
    attachment_bytes: int = Field(default=512 * MIB, ge=64 * KIB)
    peer_attachment_bytes: int = Field(default=16 * 1024 * MIB, ge=64 * KIB)
    received_attachment_bytes: int = Field(default=64 * 1024 * MIB, ge=64 * KIB)

    # How it delivers
    batches_in_flight: int = Field(default=8, ge=1, le=64)
    # After a crash another process, or the restarted one, waits this long before it sends to the same peers.
    lease_seconds: Seconds = 20
    exchange_timeout_seconds: Seconds = 20

    # In how many hours a disclosure without consent must be approved by a second person
    exception_approval_hours: int = Field(default=24, ge=1, le=7 * 24)
    # Whether what is sensitive in a case is shown only to those it is assigned to; how long others may look
    # into it when they must
    assignment_rule: bool = False
    break_glass_hours: int = Field(default=3, ge=1, le=72)
    # From how many cases that one account or token opens within an hour or a day administrators are told, and
    # where it is stopped; 0 is no limit. Cases that it opened in the day before are not counted again.
    cases_told_an_hour: int = Field(default=60, ge=0)
    cases_most_an_hour: int = Field(default=300, ge=0)
    cases_told_a_day: int = Field(default=200, ge=0)
    cases_most_a_day: int = Field(default=600, ge=0)
    # How its audit log is proved: put into the tree, signed, and shown to so many other organisations
    # An event has to be in the tree within ten seconds, also where one turn in between fails.
    sequence_seconds: int = Field(default=2, ge=1, le=5)
    checkpoint_seconds: Seconds = 60
    witness_minutes: int = Field(default=15, ge=1, le=24 * 60)
    witnesses: int = Field(default=5, ge=0, le=100)
    witness_alarm_hours: int = Field(default=48, ge=1)
    # When consent ends
    # How many open pages one process tells of changes; the others look when they are opened again.
    live_pages: int = Field(default=200, ge=0, le=10_000)
    consent_warning_days: int = Field(default=14, ge=1, le=365)
    # Not at all is for training nodes alone: whoever stole a peer's key could wipe what came from it.
    erasure_hold_hours: int = Field(default=48, ge=0, le=71)
    expiry_grace_days: int = Field(default=14, ge=1, le=365)
    peer_withdrawals_a_day: int = Field(default=50, ge=1)
    key_backup_days: int = Field(default=35, ge=1, le=35)

    # How long a person stays signed in: unused until the session is locked, and at most
    session_idle_minutes: int = Field(default=15, ge=1, le=24 * 60)
    session_hours: int = Field(default=12, ge=1, le=7 * 24)
    # Which roles need more than a password; unsaid: everybody, where others than this machine reach the node
    second_factor: Annotated[tuple[str, ...], NoDecode] | None = None

    # A list of passwords that became known, by their SHA-1 hashes in order, HASH:COUNT in each line: a new
    # password that is on it is refused. Without one, only what is made of known words is.
    breached_passwords: Path | None = None

    # The mail server by which people are told that something waits; without one nobody is. A password comes
    # by a file or a variable, never in the settings' file beside the database.
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["starttls", "implicit", "none"] = "starttls"
    smtp_from: str = ""
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_password: SecretStr | None = None

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes all sources by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then variables, then the file in the node's folder."""
        folder = init_settings().get("folder") or env_settings().get("folder") or Path.home() / ".iars"
        in_file = TomlConfigSettingsSource(settings_cls, Path(folder) / FILE_NAME)
        return init_settings, env_settings, in_file

    @field_validator(
        "folder",
        "attachment_folder",
        "passphrase_file",
        "ca_file",
        "breached_passwords",
        "smtp_password_file",
        *TLS_FILES,
    )
    @classmethod
    def _whole_path(cls, path: Path | None, given: ValidationInfo) -> Path | None:
        # A relative path lies in the node's folder, whatever folder a command is started from.
        within = given.data.get("folder", Path.cwd())
        return None if path is None else within / path.expanduser()

    @field_validator("languages", "second_factor", "proxy_addresses", mode="before")
    @classmethod
    def _split_words(cls, words: object) -> object:
        return tuple(word.strip() for word in words.split(",")) if isinstance(words, str) else words

    @field_validator("proxy_addresses")
    @classmethod
    def _addresses(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        for one in named:
            try:
                network = ip_network(one)
            except ValueError:
                raise ValueError(
                    "must be addresses or networks of proxies, such as 10.0.4.2 or 10.0.4.0/24"
                ) from None
            if not network.prefixlen:
                raise ValueError(
                    "must not be every address: whoever reaches the node could name another as its own"
                )
        return named

    @field_validator("languages")
    @classmethod
    def _language_codes(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if not codes or not all(LANGUAGE.fullmatch(code) for code in codes):
            raise ValueError("must be codes of languages (ISO 639), such as sq,en")
        return codes

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        # To list all zones, only to look for one of them, would be half of what reading the settings takes.
        with suppress(ValueError, KeyError, OSError):
            if not zone.startswith(_OTHER_CLOCKS) and ZoneInfo(zone).key:
                return zone
        raise ValueError("must be an IANA time zone such as Europe/Tirane")

    @field_validator("public_url")
    @classmethod
    def _protected_url(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
            return url.rstrip("/")
        raise ValueError("must begin with https:// (plain http is for this machine alone)")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both or neither")
        if self.second_factor == (NOBODY,) and self.is_served and not self.training:
            raise ValueError(
                "second_factor must not be nobody where others reach the node: only a training node may do so"
            )
        for name in ("database_url", "key_store_url"):
            if not self.training and _is_in_the_clear(getattr(self, name)):
                raise ValueError(
                    f"{name} leads to another machine without TLS: add ?sslmode=verify-full to it, and "
                    "sslrootcert where needed; only a training node may do without"
                )
        if not self.erasure_hold_hours and not self.training:
            raise ValueError(
                "erasure_hold_hours must be at least 1: only a training node may wait not at all"
            )
        return self

    @model_validator(mode="after")
    def _agree_on_openings(self) -> Self:
        for told, most in (
            ("cases_told_an_hour", "cases_most_an_hour"),
            ("cases_told_a_day", "cases_most_a_day"),
        ):
            if 0 < getattr(self, most) <= getattr(self, told):
                raise ValueError(f"{most} must be more than {told}: somebody is told before work is stopped")
        return self

    @model_validator(mode="after")
    def _agree_on_mail(self) -> Self:
        if self.smtp_host and not _MAILBOX(self.smtp_from):
            raise ValueError("smtp_host needs smtp_from, an address such as iars@example.org")
        if self.smtp_host and self.smtp_tls == "none" and self.smtp_host not in LOOPBACK:
            raise ValueError('smtp_tls = "none" is for a mail server on this machine alone')
        has_password = self.smtp_password is not None or self.smtp_password_file is not None
        if bool(self.smtp_user) != has_password:
            raise ValueError("smtp_user and its password belong together: set both or neither")
        return self

    @property
    def is_served(self) -> bool:
        """Whether others than this machine reach the pages."""
        outside = urlsplit(self.public_url).hostname or "localhost"
        return self.behind_proxy or not {self.host, outside} <= LOOPBACK

    @property
    def needs_second_factor(self) -> tuple[str, ...]:
        """The roles that need more than a password; or the word for everybody, or for nobody."""
        return self.second_factor or ((EVERYBODY,) if self.is_served else (NOBODY,))

    @property
    def sends_mail(self) -> bool:
        """Whether there is a mail server."""
        return bool(self.smtp_host)

    def read_passphrase(self) -> str | None:
        """Return the passphrase from the variable or the file, or None: then a person is asked."""
        return _secret(self.passphrase, self.passphrase_file, "passphrase")

    def read_smtp_password(self) -> str:
        """Return the password for the mail server, or nothing where it asks for none."""
        return _secret(self.smtp_password, self.smtp_password_file, "password") or ""


def _secret(given: SecretStr | None, path: Path | None, name: str) -> str | None:
    if given is not None:
        return given.get_secret_value()
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"The {name} file {path} can't be read.") from error


def load_settings(
    folder: Path | None = None,
    called: Mapping[str, str] | None = None,
    /,
    **given: Any,  # noqa: ANN401 - checked by the class
) -> Settings:
    """Read and check the settings; raise SetupError with a sentence that names each faulty key.

    What is given wins over variables and file. `called` says what a person typed to give it.
    """
    _refuse_unknown_variables()
    try:
        settings = Settings(**given) if folder is None else Settings(folder=folder, **given)
    except ValidationError as error:
        raise SetupError(_sentence(error, _remedy(folder, given), _typed(given, called))) from None
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"{FILE_NAME} is not valid TOML: {error}.") from error
    _refuse_secrets_in_file(settings.folder / FILE_NAME)
    return settings


def _refuse_unknown_variables() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | COMMAND_VARIABLES
    given = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    unknown = sorted(name for name in given - known if not name.startswith(TESTS_PREFIX))
    if unknown:
        raise SetupError(f"Unknown setting {', '.join(unknown)}: correct its name or remove the variable.")


def _refuse_secrets_in_file(path: Path) -> None:
    # The file lies beside the database: whoever copies the folder would hold lock and key together.
    said = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if "passphrase" in said:
        raise SetupError(
            f"{FILE_NAME} must not hold the passphrase: set passphrase_file, or be asked for it."
        )
    if "smtp_password" in said:
        raise SetupError(f"{FILE_NAME} must not hold the mail server's password: set smtp_password_file.")


def _remedy(folder: Path | None, given: dict[str, Any]) -> str:
    # Where a node is about to be made there is no file that could be corrected.
    where = Path(folder or os.environ.get(f"{PREFIX}FOLDER") or Path.home() / ".iars")
    if (where.expanduser() / FILE_NAME).is_file():
        return f"Correct {FILE_NAME} or the variables."
    return "Correct what was given, or the variables." if given else "Correct the variables."


def _typed(given: Mapping[str, Any], called: Mapping[str, str] | None) -> Mapping[str, str]:
    return {name: said for name, said in (called or {}).items() if name in given}


def _sentence(error: ValidationError, remedy: str, typed: Mapping[str, str]) -> str:
    # The values stay out of the sentence: one of them may be a passphrase or a database password.
    faults = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        name = ".".join(str(part) for part in fault["loc"]) or "settings"
        reason = "is not a known setting" if fault["type"] == "extra_forbidden" else fault["msg"]
        name = typed.get(name, name)
        faults.append(f"{name}: {reason.removeprefix('Value error, ')}")
    return f"The settings can't be used ({'; '.join(faults)}). {remedy}"
