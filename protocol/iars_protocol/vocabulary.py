"""The closed lists of codes: scopes and their fields, services, reasons, organisation types (SPEC § 6)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Step: TypeAlias = Literal["offer", "acceptance"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a scope: its name, the kind of its value, and how it is found and shown."""

    name: str
    kind: str
    label: str
    codes: str = ""
    index: str = ""
    derived: bool = False
    htcds: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """One category of a case record: what consent, roles and keys work by."""

    code: str
    level: int
    label: str
    step: Step
    at_offer: tuple[str, ...]
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Service:
    """One service that a person can be referred for, and the purpose that it falls under."""

    code: str
    label: str
    purpose: str


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("iars_protocol").joinpath(name).read_text("utf-8"))


def _scope(entry: dict[str, Any]) -> Scope:
    fields = {field["name"]: Field(**field) for field in entry["fields"]}
    at_offer = tuple(entry.get("at_offer", fields if entry["step"] == "offer" else ()))
    return Scope(
        entry["code"], entry["level"], entry["label"], entry["step"], at_offer, MappingProxyType(fields)
    )


SCOPES: Mapping[str, Scope] = MappingProxyType(
    {entry["code"]: _scope(entry) for entry in _load("scopes.toml")["scope"]}
)
SERVICES: Mapping[str, Service] = MappingProxyType(
    {code: Service(code, **entry) for code, entry in _load("services.toml").items()}
)
REASONS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {kind: MappingProxyType(codes) for kind, codes in _load("reasons.toml").items()}
)
VOCABULARIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {name: MappingProxyType(codes) for name, codes in _load("vocabularies.toml").items()}
    | {"service": MappingProxyType({service.code: service.label for service in SERVICES.values()})}
)
PURPOSES = VOCABULARIES["purpose"]
PRIORITIES = VOCABULARIES["priority"]
ORGANISATION_TYPES = VOCABULARIES["organisation_type"]

RESPONSE_SECONDS: Mapping[str, int] = MappingProxyType(
    {"emergency": 24 * 3600, "urgent": 72 * 3600, "normal": 14 * 24 * 3600}
)
