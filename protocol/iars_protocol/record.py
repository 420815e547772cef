"""A case record, and the cut: exactly what a grant lets out of it (SPEC § 6 and § 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from iars_protocol.errors import DisclosureError, FieldError
from iars_protocol.values import KINDS, Value, age_band, check_unknown, check_value
from iars_protocol.vocabulary import (
    ORGANISATION_TYPES,
    PRIORITIES,
    PURPOSES,
    REASONS,
    RESPONSE_SECONDS,
    SCOPES,
    SERVICES,
    VOCABULARIES,
    Field,
    Scope,
    Service,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iars_protocol.consent import Grant

__all__ = [
    "KINDS", "ORGANISATION_TYPES", "PRIORITIES", "PURPOSES", "REASONS", "RESPONSE_SECONDS", "SCOPES",
    "SERVICES", "VOCABULARIES", "Field", "FieldError", "Record", "Scope", "Service", "Step", "Value",
    "age_band", "check_disclosed", "check_unknown", "check_value", "check_values", "cut", "withheld",
]  # fmt: skip

Record: TypeAlias = "dict[str, dict[str, Value]]"


def cut(record: Mapping[str, Mapping[str, Value]], grant: Grant, step: Step) -> Record:
    """Cut a record to what a grant discloses at a step.

    Args:
        record: scope → field → value.
        grant: what the person agreed to.
        step: `offer`, or `acceptance` for everything that the grant ever discloses.

    Returns:
        The scopes and fields that may leave; a scope of which nothing may leave is absent (SPEC § 7.3).

    """
    found: Record = {}
    for code, content in record.items():
        scope = grant.scope(code)
        if scope is None:
            continue
        allowed = {name: value for name, value in content.items() if scope.allows(name, step)}
        if allowed:
            found[code] = allowed
    return found


def withheld(record: Mapping[str, Mapping[str, Value]], grant: Grant) -> Record:
    """Return what of a record never leaves under a grant: the complement of the cut on acceptance."""
    released = cut(record, grant, "acceptance")
    found: Record = {}
    for code, content in record.items():
        kept = {name: value for name, value in content.items() if name not in released.get(code, {})}
        if kept:
            found[code] = kept
    return found


def check_disclosed(content: Mapping[str, Mapping[str, object]], grant: Grant, step: Step) -> None:
    """Refuse content that a grant does not disclose at a step: the receiver's side of the cut.

    Raises:
        DisclosureError: a scope or a field lies outside; the text names codes only (SPEC § 7.4).
        FieldError: a known field's value does not have the form of its kind.

    """
    for code, fields in content.items():
        scope = grant.scope(code)
        if scope is None:
            raise DisclosureError("a scope lies outside the grant")
        if not all(scope.allows(name, step) for name in fields):
            raise DisclosureError(f"a field of scope {code} lies outside the grant")
        check_values(code, fields)


def check_values(code: str, fields: Mapping[str, object]) -> None:
    """Check every value of one known scope.

    Raises:
        FieldError: a value does not have the form of its kind. A field that only the sender's newer version
            knows survives inside its scope, if it is harmless to keep (SPEC § 6.4).

    """
    for name, value in fields.items():
        known = SCOPES[code].fields.get(name)
        if known is None:
            check_unknown(name, value)
        else:
            check_value(known, value)
