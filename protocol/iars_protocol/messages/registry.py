"""The registry of message types: a versioned name, and the form of its body (SPEC § 10)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from iars_protocol import fields
from iars_protocol.errors import MalformedError, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Callable


class Body:
    """A message's own content: codes, times and references; a person's content travels in scope parts."""

    type: ClassVar[str]
    carries_scopes: ClassVar[bool] = True

    def to_plain(self) -> dict[str, Any]:
        """Return the body as it is encoded; empty optional entries are left out."""
        return {
            entry.name: _plain(getattr(self, entry.name))
            for entry in dataclasses.fields(self)  # type: ignore[arg-type]
            if entry.default is dataclasses.MISSING or getattr(self, entry.name) != entry.default
        }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


BodyT = TypeVar("BodyT", bound=type[Body])

TYPES: dict[str, type[Body]] = {}


def message(name: str) -> Callable[[BodyT], BodyT]:
    """Register a body under its versioned name; a name taken twice fails at import."""

    def register(kind: BodyT) -> BodyT:
        if name in TYPES:
            raise RuntimeError(f"{name} is registered twice")
        kind.type = name
        TYPES[name] = kind
        return kind

    return register


def checked(check: Callable[[Any], Any], **options: Any) -> Any:  # noqa: ANN401 - stands in for a dataclass field
    """Declare a body's entry together with the check that its value must pass."""
    return dataclasses.field(metadata={"check": check}, **options)


def code_of(codes: frozenset[str], name: str) -> Callable[[Any], str]:
    """Return a check for a code of a closed list."""
    return lambda value: fields.known(value, codes, name)


def read_body(name: str, plain: dict[str, Any]) -> Body:
    """Read the body of a message type.

    Raises:
        UnsupportedVersionError: the type is not registered.
        MalformedError: a name is missing or unknown, an optional entry empty, or a value of another form.

    """
    kind = TYPES.get(name)
    if kind is None:
        raise UnsupportedVersionError("the message type is not known")
    entries = {entry.name: entry for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    required = {entry.name for entry in entries.values() if entry.default is dataclasses.MISSING}
    fields.mapping(plain, frozenset(required), frozenset(entries))
    found = {key: entries[key].metadata["check"](value) for key, value in plain.items()}
    if any(found[key] == entries[key].default for key in found.keys() - required):
        raise MalformedError("an optional entry that is empty is left out")
    return kind(**found)
