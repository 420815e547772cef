"""Countries and languages by their codes and by their names, in the languages that spreadsheets come in."""

from __future__ import annotations

from functools import cache

from iars_node.vault.words import words
from iars_protocol.fields import LANGUAGE

LOCALES = ("en", "fr", "sq", "ru", "uk", "ar", "es", "ro")

_COUNTRY_LETTERS = 2
_LONG_CODE = 3
# ISO 3166-1 keeps these two letters for a country whose code is another.
_RESERVED_CODE = "UK"
# Codes that stand for no country: unknown, unions, and those kept for tests.
_NO_COUNTRY = frozenset({"ZZ", "EU", "UN", "EZ", "XA", "XB", "QO"})
# Codes that stand for no language: unknown, several, one without a code, none.
_NO_LANGUAGE = frozenset({"und", "mul", "mis", "zxx"})
_SHORT_CODE = 2


@cache
def countries() -> dict[str, str]:
    """Return ISO 3166-1 codes by code, of two letters or three, and by folded name."""
    found: dict[str, str] = {}
    for locale in LOCALES:
        for code, name in _territories(locale).items():
            found.setdefault(" ".join(words(name)), code)
            found.setdefault(code.lower(), code)
    for alias, code in _aliases().items():
        found.setdefault(alias.lower(), code)
    return found


def is_country(code: str) -> bool:
    """Say whether two letters are a country's code."""
    return code in _territories("en")


@cache
def languages() -> dict[str, str]:
    """Return ISO 639 codes by code and by folded name."""
    found: dict[str, str] = {}
    for locale in LOCALES:
        for code, name in _languages(locale).items():
            found.setdefault(" ".join(words(name)), code)
            found.setdefault(code, code)
    return found


def is_language(tag: str) -> bool:
    """Say whether a language tag begins with an ISO 639 code; of three letters, by its form."""
    code = tag.partition("-")[0]
    if LANGUAGE.fullmatch(tag) is None or code in _NO_LANGUAGE:
        return False
    # The names of all languages of two letters are here, not of all 7,900 of three: Dari (prs), Kurmanji
    # (kmr) and Levantine Arabic (apc) among others have none, and people speak them.
    return len(code) > _SHORT_CODE or code in _languages("en")


def most_likely_country(language: str) -> str:
    """Return the country where a language is most likely spoken, as Unicode counts speakers; or nothing."""
    from babel.core import get_global  # noqa: PLC0415 - as below

    country = str(get_global("likely_subtags").get(language, "")).rpartition("_")[2]
    return country if is_country(country) else ""


def country_names() -> dict[str, str]:
    """Return countries' English names by code, in the order of names."""
    return dict(sorted(_territories("en").items(), key=lambda entry: entry[1]))


def language_names() -> dict[str, str]:
    """Return languages' English names by code of two letters, in the order of names."""
    short = {code: name for code, name in _languages("en").items() if len(code) == _COUNTRY_LETTERS}
    return dict(sorted(short.items(), key=lambda entry: entry[1]))


@cache
def _territories(locale: str) -> dict[str, str]:
    # Imported late: the tables are large, and only spreadsheets need them.
    from babel import Locale  # noqa: PLC0415

    return {
        code: name
        for code, name in Locale(locale).territories.items()
        if len(code) == _COUNTRY_LETTERS and code.isalpha() and code not in _NO_COUNTRY
    }


def _aliases() -> dict[str, str]:
    from babel.core import get_global  # noqa: PLC0415 - as above

    known = _territories("en")
    # One that became several countries, as YUG did, says nothing about a person today.
    return {
        alias: codes[0]
        for alias, codes in get_global("territory_aliases").items()
        if len(codes) == 1 and codes[0] in known and (len(alias) == _LONG_CODE or alias == _RESERVED_CODE)
    }


@cache
def _languages(locale: str) -> dict[str, str]:
    from babel import Locale  # noqa: PLC0415 - as above

    return {code: name for code, name in Locale(locale).languages.items() if code.isalpha()}
