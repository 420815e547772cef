"""Versions: a change names the version that its author saw; nobody overwrites what they never read."""

from __future__ import annotations

from iars_node.api.errors import PreconditionError, PreconditionMissingError
from iars_node.errors import InvalidError

HEADER = "If-Match"
LONGEST = 12


def read_version(header: str | None) -> int | None:
    """Return the version that `If-Match` names, such as `"3"`; None where the header is absent."""
    if header is None:
        return None
    text = header.strip().removeprefix('"').removesuffix('"')
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST:
        raise InvalidError("The version can't be read.", {HEADER: 'accepted: a version such as "3"'})
    return int(text)


def required_version(header: str | None) -> int:
    """Return the version that `If-Match` names, or ask for it."""
    version = read_version(header)
    if version is None:
        raise PreconditionMissingError('Name the version that you change: If-Match: "3".')
    return version


def check_version(named: int | None, current: int) -> None:
    """Refuse a change of another version than the current one."""
    if named is not None and named != current:
        raise PreconditionError("The record has another version than If-Match names; read it again.")


def entity_tag(version: int) -> str:
    """Return a version as a response's ETag."""
    return f'"{version}"'
