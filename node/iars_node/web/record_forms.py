"""A record's fields in forms: from what is typed to values, and from values to what stands in the form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import phonenumbers

from iars_node.web.problems import KIND_FAULTS
from iars_protocol.errors import FieldError
from iars_protocol.values import check_value
from iars_protocol.vocabulary import SCOPES, VOCABULARIES, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iars_node.web.speech import Speech
    from iars_node.web.visit import Faults, Typed
    from iars_protocol.record import Value

UNTYPED_KINDS = frozenset({"attachment"})
_MOST_NEEDS = 20
_ESTIMATED = ".estimated"


@dataclass(frozen=True)
class Place:
    """One field in a form, under the name that it has there."""

    scope: str
    field: Field

    @property
    def name(self) -> str:
        """The name of the form's field."""
        return f"{self.scope}.{self.field.name}"


def places(scope: str, names: Iterable[str] = ()) -> list[Place]:
    """Return the fields of a scope that a person fills in; all where none is named."""
    wanted = list(names) or list(SCOPES[scope].fields)
    fields = [SCOPES[scope].fields[name] for name in wanted]
    return [Place(scope, field) for field in fields if not field.derived and field.kind not in UNTYPED_KINDS]


def read_values(
    wanted: Iterable[Place], typed: Typed, speech: Speech, country: str
) -> tuple[dict[str, dict[str, Value | None]], Faults]:
    """Return scope → field → value, None where nothing is typed, and what is wrong with which field."""
    values: dict[str, dict[str, Value | None]] = {}
    faults: Faults = {}
    reader = _Reader(typed, speech, country)
    for place in wanted:
        try:
            value = reader.read(place)
            if value is not None:
                check_value(place.field, value)
            values.setdefault(place.scope, {})[place.field.name] = value
        except (FieldError, _UnknownNameError):
            faults[place.name] = speech.language.gettext(KIND_FAULTS[place.field.kind])
    return values, faults


def typed_from(wanted: Iterable[Place], held: Mapping[str, Mapping[str, object]], speech: Speech) -> Typed:
    """Return the form that shows values: what a person would have typed for them."""
    typed: dict[str, list[str]] = {}
    for place in wanted:
        value = held.get(place.scope, {}).get(place.field.name)
        if value is not None:
            typed |= _typed(place, value, speech)
    return typed


class _UnknownNameError(Exception):
    """A country or language that no one knows by this name."""


class _Reader:
    def __init__(self, typed: Typed, speech: Speech, country: str) -> None:
        self._typed = typed
        self._speech = speech
        self._country = country

    def read(self, place: Place) -> Value | None:
        return _READERS[place.field.kind](self, place)

    def entries(self, place: Place) -> list[str]:
        given = (value.strip() for value in self._typed.get(place.name, ()))
        return list(dict.fromkeys(value for value in given if value))

    def text(self, place: Place) -> str | None:
        return next(iter(self.entries(place)), None)

    def lines(self, place: Place) -> list[str] | None:
        split = (line.strip() for line in (self.text(place) or "").splitlines())
        return [line for line in split if line] or None

    def date(self, place: Place) -> str | None:
        given = self.text(place)
        if given is None:
            return None
        plain = _plain_date(given.rstrip("~"))
        is_estimated = given.endswith("~") or bool(self._typed.get(place.name + _ESTIMATED))
        return f"{plain}~" if is_estimated else plain

    def number(self, place: Place) -> int | str | None:
        given = self.text(place)
        return int(given) if given is not None and given.isascii() and given.isdigit() else given

    def flag(self, place: Place) -> bool | str | None:
        given = self.text(place)
        return None if given is None else {"yes": True, "no": False}.get(given, given)

    def codes(self, place: Place) -> list[str] | None:
        # In the vocabulary's order, so that the order of ticking never looks like a change.
        given = self.entries(place)
        order = list(VOCABULARIES[place.field.codes])
        return sorted(given, key=lambda code: order.index(code) if code in order else len(order)) or None

    def country(self, place: Place) -> str | None:
        return next(iter(self._coded(place, self._speech.countries)), None)

    def countries(self, place: Place) -> list[str] | None:
        return self._coded(place, self._speech.countries) or None

    def tongue(self, place: Place) -> str | None:
        return next(iter(self._coded(place, self._speech.tongues)), None)

    def tongues(self, place: Place) -> list[str] | None:
        return self._coded(place, self._speech.tongues) or None

    def phone(self, place: Place) -> str | None:
        given = self.text(place)
        if given is None:
            return None
        try:
            number = phonenumbers.parse(given, self._country or None)
        except phonenumbers.NumberParseException:
            return given
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def needs(self, place: Place) -> Value | None:
        found = []
        for row in range(_MOST_NEEDS):
            pieces = {
                name: self._typed.get(f"{place.name}.{row}.{name}", [""])[0].strip()
                for name in ("service", "priority", "needed_by")
            }
            if pieces["service"] or pieces["needed_by"]:
                found.append({name: piece for name, piece in pieces.items() if piece})
        return cast("Value", found) or None

    def _coded(self, place: Place, known: Mapping[str, str]) -> list[str]:
        by_name = {name.casefold(): code for code, name in known.items()}
        found = []
        for entry in self.entries(place):
            code = by_name.get(entry.casefold()) or next(
                (code for code in (entry, entry.upper(), entry.lower()) if code in known), None
            )
            if code is None:
                raise _UnknownNameError
            found.append(code)
        return list(dict.fromkeys(found))


_READERS: Mapping[str, Callable[[_Reader, Place], Value | None]] = {
    "text": _Reader.text,
    "long-text": _Reader.text,
    "email": _Reader.text,
    "phone": _Reader.phone,
    "words": _Reader.lines,
    "date": _Reader.date,
    "number": _Reader.number,
    "flag": _Reader.flag,
    "code": _Reader.text,
    "codes": _Reader.codes,
    "country": _Reader.country,
    "countries": _Reader.countries,
    "language": _Reader.tongue,
    "languages": _Reader.tongues,
    "needs": _Reader.needs,
}


def _plain_date(text: str) -> str:
    """Accept the day first too, as it is written in most of the countries that use this."""
    for sign in "./":
        pieces = text.split(sign)
        if len(pieces) == 3 and len(pieces[2]) == 4:  # noqa: PLR2004 - day, month, four digits of a year
            day, month, year = pieces
            return f"{year}-{month.zfill(2)}-{day.zfill(2)}"
        if len(pieces) == 2 and len(pieces[1]) == 4:  # noqa: PLR2004 - month, four digits of a year
            return f"{pieces[1]}-{pieces[0].zfill(2)}"
    return text


def _typed(place: Place, value: object, speech: Speech) -> dict[str, list[str]]:
    kind, name = place.field.kind, place.name
    entries = value if isinstance(value, list) else [value]
    if kind == "needs":
        return {
            f"{name}.{row}.{piece}": [str(text)]
            for row, need in enumerate(entries)
            for piece, text in need.items()
        }
    if kind == "date" and str(value).endswith("~"):
        return {name: [str(value).rstrip("~")], name + _ESTIMATED: ["yes"]}
    if kind == "words":
        return {name: ["\n".join(map(str, entries))]}
    if kind == "flag":
        return {name: ["yes" if value else "no"]}
    said: Callable[[str], str] = str
    if kind in ("country", "countries"):
        said = speech.country
    elif kind in ("language", "languages"):
        said = speech.tongue
    return {name: [said(str(entry)) for entry in entries]}
