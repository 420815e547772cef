"""Checks on decoded maps: each names what is missing or has another form, never its content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from iars_protocol.errors import MalformedError, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Container

KindT = TypeVar("KindT")

MAX_TIME = 253_402_300_799

# Control characters other than tab and line ends, and halves of surrogate pairs: some databases, logs and
# terminals read more into them than a reader sees.
UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
COUNTRY = re.compile(r"[A-Z]{2}")

_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}")


def mapping(
    value: object, required: frozenset[str], optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return a map that has every required name and no unknown one, or raise MalformedError."""
    if not isinstance(value, dict):
        raise MalformedError("a map is expected")
    names = value.keys()
    if names == required:
        return value
    if missing := required - names:
        raise MalformedError(f"missing: {', '.join(sorted(missing))}")
    if names - required - optional:
        raise MalformedError("a name is not known here")
    return value


def versioned(value: object, version: int) -> dict[str, Any]:
    """Return a map whose `v` is the integer `version`, or raise MalformedError or UnsupportedVersionError."""
    found = typed(value, dict, "value")
    # True equals 1 here and not elsewhere: the type is compared too.
    if type(found.get("v")) is not int or found["v"] != version:
        raise UnsupportedVersionError("the version is not known")
    return found


def typed(value: object, kind: type[KindT], name: str) -> KindT:
    """Return a value of exactly the given type, or raise MalformedError."""
    if type(value) is not kind:
        raise MalformedError(f"{name} has another form")
    return value


def octets(value: object, length: int, name: str) -> bytes:
    """Return a byte string of exactly the given length, or raise MalformedError."""
    if type(value) is not bytes or len(value) != length:
        raise MalformedError(f"{name} is not {length} bytes")
    return value


def text(value: object, name: str, longest: int = 200) -> str:
    """Return a text of 1 to `longest` characters without control characters, or raise MalformedError."""
    if type(value) is not str or not 0 < len(value) <= longest or UNSAFE.search(value):
        raise MalformedError(f"{name} is not a text of 1 to {longest} characters")
    return value


def matching(value: object, pattern: re.Pattern[str], name: str) -> str:
    """Return a text of which the whole has a form, or raise MalformedError."""
    if type(value) is not str or not pattern.fullmatch(value):
        raise MalformedError(f"{name} has another form")
    return value


def code(value: object, name: str) -> str:
    """Return a code: small letters, digits and hyphens, at most 64, or raise MalformedError."""
    return matching(value, _CODE, name)


def known(value: object, codes: Container[str], name: str) -> str:
    """Return a code of a closed list, or raise MalformedError."""
    if type(value) is not str or value not in codes:
        raise MalformedError(f"{name} is not a known code")
    return value


def texts(value: object, name: str, most: int = 256) -> tuple[str, ...]:
    """Return distinct texts in their order, or raise MalformedError."""
    if type(value) is not list or len(value) > most:
        raise MalformedError(f"{name} is not a list of at most {most} texts")
    found = tuple(text(item, name) for item in value)
    if len(set(found)) != len(found):
        raise MalformedError(f"{name} names something twice")
    return found


def time(value: object, name: str) -> int:
    """Return a time in whole seconds since 1970, UTC, or raise MalformedError."""
    if type(value) is not int or not 0 <= value <= MAX_TIME:
        raise MalformedError(f"{name} is not a time")
    return value


def number(value: object, name: str, least: int = 0, most: int = 2**53 - 1) -> int:
    """Return an integer in a range, or raise MalformedError."""
    if type(value) is not int or not least <= value <= most:
        raise MalformedError(f"{name} is out of range")
    return value


def hexadecimal(value: object, length: int, name: str) -> str:
    """Return lower-case hexadecimal text for `length` bytes, or raise MalformedError."""
    if type(value) is not str or len(value) != 2 * length or set(value) - set("0123456789abcdef"):
        raise MalformedError(f"{name} is not {length} bytes in hexadecimal")
    return value
