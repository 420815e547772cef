"""The languages of the pages: catalogues read at start-up, and which of them a reader gets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from typing import TYPE_CHECKING
from unicodedata import normalize

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from iars_node.locales import locale_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

    from babel import Locale
    from babel.messages.catalog import Catalog

SOURCE = "en"
DOMAIN = "iars"
_MOST_ACCEPTED = 20
# A letter of its own in every alphabet that has it, whatever Unicode takes it apart into.
_SHORT_I = "й"


def N_(message: str) -> str:  # noqa: N802 - the name by which every extractor knows a marked string
    """Mark a string for the catalogue; it is translated where it is shown."""
    return message


@dataclass(frozen=True)
class Language:
    """One language of the pages."""

    code: str
    locale: Locale
    translations: NullTranslations

    @property
    def direction(self) -> str:
        """Which way it is written: ltr or rtl."""
        return self.locale.text_direction

    @property
    def own_name(self) -> str:
        """What its readers call it."""
        name = self.locale.get_language_name(self.locale) or self.code
        return name[:1].upper() + name[1:]

    def gettext(self, message: str, **values: object) -> str:
        """Return a message in this language, its places filled in."""
        found: str = self.translations.ugettext(message)
        return found % values if values else found

    def ngettext(self, one: str, many: str, number: int, **values: object) -> str:
        """Return the form of a message that belongs to a number."""
        found: str = self.translations.ungettext(one, many, number)
        return found % {"num": number, **values}


def translation_file(code: str) -> Traversable:
    """Return where a language's catalogue is kept."""
    return resources.files("iars_node.web").joinpath("translations", code, "LC_MESSAGES", f"{DOMAIN}.po")


def translated() -> list[str]:
    """Return the codes of the languages that have a catalogue."""
    folder = resources.files("iars_node.web").joinpath("translations")
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir())


def page_languages() -> tuple[str, ...]:
    """Return the codes of every language that there are pages in."""
    return tuple(sorted({SOURCE, *translated()}))


def read_catalogue(code: str) -> Catalog:
    """Read a language's catalogue."""
    with translation_file(code).open("rb") as file:
        return read_po(file, locale=code, domain=DOMAIN)


@cache
def language(code: str) -> Language:
    """Return a language of the pages. Its catalogue is compiled in memory: only its source is kept."""
    locale = locale_of(code)
    if code == SOURCE:
        return Language(code, locale, NullTranslations())
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(code))
    compiled.seek(0)
    return Language(code, locale, Translations(compiled, DOMAIN))


def offered(wanted: Sequence[str]) -> tuple[Language, ...]:
    """Return the languages of a node that there are pages in; the source language where there is none."""
    known = page_languages()
    return tuple(language(code) for code in wanted if code in known) or (language(SOURCE),)


def negotiate(offers: Sequence[Language], *choices: str, accepted: str = "") -> Language:
    """Return the first choice that is offered, else what the browser prefers, else the first offer."""
    by_code = {offer.code: offer for offer in offers}
    for code in (*choices, *_preferences(accepted)):
        if code in by_code:
            return by_code[code]
    return offers[0]


def alphabetical(name: str) -> str:
    """Return what a name is sorted by: a letter with a mark stands where the letter without it stands."""
    return "".join(
        sign if sign == _SHORT_I else normalize("NFD", sign)[0] for sign in normalize("NFC", name).casefold()
    )


def _preferences(accepted: str) -> list[str]:
    weighed = []
    for place, entry in enumerate(accepted.split(",")[:_MOST_ACCEPTED]):
        tag, _, weight = entry.strip().partition(";")
        code = tag.strip().split("-")[0].lower()
        weighed.append((-_weight(weight), place, code))
    return [code for weight, _place, code in sorted(weighed) if weight < 0]


def _weight(text: str) -> float:
    _, _, number = text.strip().partition("q=")
    if not number:
        return 1.0
    return (
        float(number)
        if number.replace(".", "", 1).isascii() and number.replace(".", "", 1).isdigit()
        else 0.0
    )
