"""The values of a record's fields: one form per kind, checked on both sides (SPEC § 6.2)."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

from iars_protocol.errors import FieldError
from iars_protocol.fields import COUNTRY, UNSAFE
from iars_protocol.vocabulary import PRIORITIES, SERVICES, VOCABULARIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from iars_protocol.vocabulary import Field

Value: TypeAlias = "str | int | bool | list[str] | list[dict[str, str]]"

LONGEST_TEXT = 500
LONGEST_LONG_TEXT = 20_000
MOST_ENTRIES = 100

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?~?", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
# Spaces by their numbers: what else counts as one differs from library to library.
_IN_EMAIL = r"[^@\x00-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]"
_EMAIL = re.compile(rf"{_IN_EMAIL}{{1,64}}@{_IN_EMAIL}{{1,190}}")
_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def check_value(field: Field, value: object) -> Value:
    """Check a field's value against its kind.

    Args:
        field: the field, whose kind decides the form.
        value: a plain JSON value.

    Returns:
        The same value.

    Raises:
        FieldError: another form; the text says what is accepted and never repeats the value.

    """
    _CHECKS[field.kind](field, value)
    return value  # type: ignore[return-value]


def check_unknown(name: str, value: object) -> None:
    """Check a field that only the sender's newer version knows: it is kept, so it must be harmless to keep.

    Raises:
        FieldError: the name is not a field's, or the value holds bytes, null, unsafe or over-long text.

    """
    if not _NAME.fullmatch(name):
        raise FieldError("accepted: a field's name of small letters, digits and underscores")
    stack = [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            stack += [*item.keys(), *item.values()]
        elif type(item) is list:
            stack += item
        elif type(item) not in (str, int, bool):
            raise FieldError("accepted: texts, whole numbers, true or false, and lists and maps of them")
        elif type(item) is str and (len(item) > LONGEST_LONG_TEXT or UNSAFE.search(item)):
            raise FieldError(f"accepted: texts of at most {LONGEST_LONG_TEXT} characters")


def _matches(pattern: re.Pattern[str], accepted: str) -> Callable[[Field, Any], None]:
    def check(_field: Field, value: object) -> None:
        if type(value) is not str or not pattern.fullmatch(value):
            raise FieldError(f"accepted: {accepted}")

    return check


def _text(longest: int) -> Callable[[Field, Any], None]:
    def check(_field: Field, value: object) -> None:
        if type(value) is not str or not 0 < len(value) <= longest or UNSAFE.search(value):
            raise FieldError(f"accepted: a text of 1 to {longest} characters")

    return check


def _each(one: Callable[[Field, Any], None]) -> Callable[[Field, Any], None]:
    def check(field: Field, value: object) -> None:
        if type(value) is not list or not 0 < len(value) <= MOST_ENTRIES:
            raise FieldError(f"accepted: a list of 1 to {MOST_ENTRIES} entries")
        for entry in value:
            one(field, entry)
        if len({str(entry) for entry in value}) != len(value):
            raise FieldError("accepted: each entry once")

    return check


def _date(_field: Field, value: object) -> None:
    accepted = "accepted: YYYY, YYYY-MM or YYYY-MM-DD, with ~ behind it where estimated"
    found = _DATE.fullmatch(value) if type(value) is str else None
    if not found:
        raise FieldError(accepted)
    year, month, day = (int(piece) if piece else 1 for piece in found.groups())
    try:
        date(year, month, day)
    except ValueError as error:
        raise FieldError(accepted) from error


def _code(field: Field, value: object) -> None:
    if type(value) is not str or value not in VOCABULARIES[field.codes]:
        raise FieldError(f"accepted: a code of the list {field.codes}")


def _number(_field: Field, value: object) -> None:
    if type(value) is not int or not 0 <= value <= 1_000_000:  # noqa: PLR2004 - said in the sentence below
        raise FieldError("accepted: a whole number from 0 to 1,000,000")


def _flag(_field: Field, value: object) -> None:
    if type(value) is not bool:
        raise FieldError("accepted: true or false")


def _need(field: Field, value: object) -> None:
    if type(value) is not dict or not {"service", "priority"} <= value.keys() <= {
        "service",
        "priority",
        "needed_by",
    }:
        raise FieldError("accepted: service, priority and, where known, needed_by")
    if type(value["service"]) is not str or value["service"] not in SERVICES:
        raise FieldError("accepted: a service code")
    if type(value["priority"]) is not str or value["priority"] not in PRIORITIES:
        raise FieldError("accepted: emergency, urgent or normal")
    if "needed_by" in value:
        _date(field, value["needed_by"])


_country = _matches(COUNTRY, "a country's code of two capital letters (ISO 3166-1)")
_language = _matches(_LANGUAGE, "a language's code of two or three small letters (ISO 639)")

_CHECKS: dict[str, Callable[[Field, Any], None]] = {
    "text": _text(LONGEST_TEXT),
    "long-text": _text(LONGEST_LONG_TEXT),
    "words": _each(_text(LONGEST_TEXT)),
    "date": _date,
    "number": _number,
    "flag": _flag,
    "code": _code,
    "codes": _each(_code),
    "country": _country,
    "countries": _each(_country),
    "language": _language,
    "languages": _each(_language),
    "phone": _matches(_PHONE, "a phone number that begins with + and the country's code"),
    "email": _matches(_EMAIL, "an e-mail address"),
    "needs": _each(_need),
    "attachment": _matches(_ID, "an attachment's id"),
}

KINDS = frozenset(_CHECKS)


def age_band(birth_date: str, today: date) -> str | None:
    """Return the age band for a full or partial date of birth.

    Args:
        birth_date: in the form of kind `date`; a missing month counts as July, a missing day as the first.
        today: the day on which the age is taken.

    Returns:
        A code of the list `age_band`, or None when the date lies in the future.

    """
    pieces = [int(piece) for piece in birth_date.rstrip("~").split("-")]
    year, month, day = (*pieces, *(7, 1)[len(pieces) - 1 :]) if len(pieces) < 3 else pieces  # noqa: PLR2004
    age = today.year - year - ((today.month, today.day) < (month, day))
    if age < 0:
        return None
    # The bands follow each other without a gap: the last one that begins by this age is the one.
    return [band for band in VOCABULARIES["age_band"] if int(band.rstrip("+").partition("-")[0]) <= age][-1]
