"""What holds for every translation alike: what it fills in, its marks, its spaces, and that it is one."""

from __future__ import annotations

import re
from gettext import c2py
from typing import TYPE_CHECKING

import pytest

from iars_node.web.languages import read_catalogue, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from babel.messages.catalog import Catalog, Message

PLACE = re.compile(r"%\(\w+\)s")
MARKUP = re.compile(r"</?[a-z][^>]*>|&\w+;")
# Each language's own shapes of the marks that end or part a sentence.
SAME_MARK = str.maketrans({"؟": "?", "،": ",", "؛": ";", "。": "."})
# What may stand around such a mark: quotes, brackets, and the signs that isolate a direction.
AROUND = " \u00a0\u202f\u2066\u2067\u2068\u2069“”«»„\"'\u2019()"
MARKS = ".,:;?!…"
QUOTES = (("“", "”"), ("«", "»"), ("(", ")"), ("\u2066", "\u2069"))
# Words that a language shares with English. A word that is no longer shared leaves the list.
SHARED = {
    "fr": {
        "%(language)s, version %(version)s",
        "Code",
        "Confirmation",
        "Contact",
        "Corrections",
        "Exploitation",
        "Immigration",
        "Notifications",
        "Message",
        "Note",
        "Organisation",
        "Organisations",
        "Parent",
        "Police",
        "Psychosocial",
        "Service",
        "Services",
        "Servitude",
        "Signature",
        "Site",
        "Vaccinations",
    },
    "sq": {"Alarm"},
}


def sources(message: Message) -> tuple[str, ...]:
    """Return what a message says in English: one form, or one for one and one for many."""
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def forms(message: Message) -> tuple[str, ...]:
    """Return what a message says in the catalogue's language."""
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


def messages(code: str) -> list[Message]:
    """Return a catalogue's messages without its head."""
    return [message for message in read_catalogue(code) if message.id]


def says_no_number(catalogue: Catalog, form: int) -> bool:
    """Return whether a form serves nothing, one or two alone: words can say these without a figure."""
    rule: Callable[[int], int] = c2py(catalogue.plural_expr)
    return all(number <= 2 for number in range(1000) if rule(number) == form)


def end(text: str) -> str:
    """Return the mark that a text ends with."""
    last = text.translate(SAME_MARK).rstrip(AROUND)[-1:]
    return last if last in MARKS else ""


@pytest.mark.parametrize("code", translated())
def test_every_form_fills_in_what_its_message_fills_in(code: str) -> None:
    catalogue = read_catalogue(code)
    faults = []
    for message in messages(code):
        needed = sorted(PLACE.findall(sources(message)[-1]))
        spelled = sorted(place for place in needed if place != "%(num)s")
        for number, form in enumerate(forms(message)):
            is_whole = sorted(PLACE.findall(form)) == needed
            in_words = len(sources(message)) > 1 and says_no_number(catalogue, number)
            if not is_whole and not (in_words and sorted(PLACE.findall(form)) == spelled):
                faults.append((message.id, form))
    assert faults == []


@pytest.mark.parametrize("code", translated())
def test_only_words_that_languages_share_are_left_as_in_english(code: str) -> None:
    left = {
        text
        for message in messages(code)
        for text in sources(message)
        if text in forms(message) and re.search(r"[^\W\d_]", PLACE.sub("", text))
    }
    assert left == SHARED.get(code, set())


@pytest.mark.parametrize("code", translated())
def test_every_translation_begins_and_ends_as_its_message_does(code: str) -> None:
    faults = []
    for message in messages(code):
        source = sources(message)[-1]
        for form in forms(message):
            same_space = (source.strip() == source) == (form.strip() == form)
            same_start = (source[:1] in MARKS) == (form.translate(SAME_MARK)[:1] in MARKS)
            if not (same_space and same_start and end(source) == end(form) and "  " not in form):
                faults.append((source, form))
    assert faults == []


@pytest.mark.parametrize("code", translated())
def test_every_translation_has_the_markup_of_its_message_and_closes_what_it_opens(code: str) -> None:
    faults = []
    for message in messages(code):
        for form in forms(message):
            same_markup = sorted(MARKUP.findall(form)) == sorted(MARKUP.findall(sources(message)[-1]))
            if not same_markup or any(form.count(start) != form.count(stop) for start, stop in QUOTES):
                faults.append((message.id, form))
    assert faults == []
