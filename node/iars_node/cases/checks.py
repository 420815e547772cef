"""Checks on what is written into a case; each fault names a field and says what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from iars_node.cases.names import is_country, is_language
from iars_node.errors import InvalidError
from iars_protocol import encoding
from iars_protocol.errors import FieldError, MalformedError
from iars_protocol.record import SCOPES, check_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iars_protocol.record import Value


def check_scope(scope: str) -> None:
    """Refuse a scope that the vocabulary does not have."""
    if scope not in SCOPES:
        raise InvalidError("This category of the record is not known.", {scope[:32]: "unknown scope"})


def check_code(name: str, value: str, codes: Mapping[str, str]) -> None:
    """Refuse a code outside its list."""
    if value not in codes:
        raise InvalidError("The code is not one of its list.", {name: f"accepted: {', '.join(codes)}"})


def check_own(record: Mapping[str, Mapping[str, object]]) -> None:
    """Refuse own content with an unknown, derived or malformed field; None stands for taking a value away."""
    faults: dict[str, str] = {}
    for scope, fields in record.items():
        check_scope(scope)
        for name, value in fields.items():
            if fault := _own_fault(scope, name, value):
                faults[f"{scope}.{name}"] = fault
    if faults:
        raise InvalidError("Some fields can't be used as they are.", faults)


def check_received(scope: str, fields: Mapping[str, object]) -> None:
    """Refuse received content of another form; a field that only the sender's version knows may stay."""
    check_scope(scope)
    faults: dict[str, str] = {}
    for name, value in fields.items():
        if fault := _received_fault(scope, name, value):
            faults[f"{scope}.{name}"] = fault
    if faults:
        raise InvalidError("Some received fields can't be used as they are.", faults)


def _own_fault(scope: str, name: str, value: object) -> str | None:
    field = SCOPES[scope].fields.get(name)
    if field is None:
        return "unknown field"
    if field.derived:
        return "filled by the node from other fields"
    return None if value is None else _value_fault(scope, name, value) or _unknown_code(field.kind, value)


def _unknown_code(kind: str, value: object) -> str | None:
    # The protocol knows the form of these codes alone. What others send may be newer than the names here.
    known = _KNOWN.get(kind)
    if known is None:
        return None
    is_known, accepted = known
    # Checked for its form a moment ago.
    codes = cast("list[str]", value if isinstance(value, list) else [value])
    return None if all(map(is_known, codes)) else accepted


_COUNTRIES = is_country, "accepted: a country's code of two letters, such as AL (ISO 3166-1)"
_LANGUAGES = is_language, "accepted: a language's code, such as sq (ISO 639)"
_KNOWN: dict[str, tuple[Callable[[str], bool], str]] = {
    "country": _COUNTRIES,
    "countries": _COUNTRIES,
    "language": _LANGUAGES,
    "languages": _LANGUAGES,
}


def _received_fault(scope: str, name: str, value: object) -> str | None:
    if name in SCOPES[scope].fields:
        return _value_fault(scope, name, value)
    try:
        encoding.decode(encoding.encode(value))  # type: ignore[arg-type]  # checked here, by trying
    except (MalformedError, TypeError, ValueError):
        return "not a plain value"
    return None


def _value_fault(scope: str, name: str, value: object) -> str | None:
    try:
        check_value(SCOPES[scope].fields[name], value)
    except FieldError as error:
        return str(error)
    return None


def changed(current: Mapping[str, Value], wanted: Mapping[str, Value | None]) -> dict[str, Value | None]:
    """Return those of the wanted values that differ from the current ones."""
    return {name: value for name, value in wanted.items() if current.get(name) != value}
