"""Finding cases: by name, alias, document, phone, reference or own file number; and listing them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.accounts.access import readable_scopes, require
from iars_node.cases import reference
from iars_node.cases.checks import check_code
from iars_node.cases.model import STAGES, Case, Filters, Found, Page
from iars_node.cases.service.access import require_scopes
from iars_node.cases.service.reading import with_aliases
from iars_node.cases.store import finding, heads, words
from iars_node.cases.store.finding import Term, Window
from iars_node.db import EPOCH
from iars_node.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from iars_node.work import Work

PAGE_SIZE = 25
MOST_WORDS = 8
LONGEST_TEXT = 200
EVERY_CASE = Filters()

_EXACT, _ALIKE = "e", "s"
_FEWEST_PHONE_DIGITS = 5


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: in the exact finds or in those that sound alike, after an id."""

    part: str
    after: str


def search_cases(  # noqa: PLR0913 - what narrows a search is said by name
    work: Work,
    text: str,
    *,
    country: str,
    filters: Filters = EVERY_CASE,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page:
    """Return a page of cases that match every word: first the words themselves, then what sounds alike.

    `country` is that of phone numbers written without a code. Words, not beginnings of words, are found.
    """
    require(work.actor, "case.search")
    if not text.strip():
        return list_cases(work, filters=filters, cursor=cursor, limit=limit)
    _check(text, limit, filters)
    place = _read_place(cursor)
    named = _named(work, text, filters)
    terms = _terms(work, text, country)
    by_words, more = _by_words(work, terms, filters, place, limit)
    found = [(case_id, True) for case_id in named] if cursor is None else []
    found += [entry for entry in by_words if entry[0] not in named]
    audit.record(work, "case.searched", detail={"words": len(terms), "found": len(found)})
    return Page(_shown(work, found), more)


def list_cases(
    work: Work, *, filters: Filters = EVERY_CASE, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page:
    """Return a page of cases, those that changed last first."""
    require(work.actor, "case.search")
    _check("", limit, filters)
    cases = heads.recent_cases(work.connection, filters, _read_moment(cursor), limit + 1)
    shown = cases[:limit]
    audit.record(work, "case.listed", detail={"found": len(shown)})
    more = f"{(shown[-1].updated_at - EPOCH) // timedelta(microseconds=1)}.{shown[-1].id}" if shown else None
    found = tuple(Found(case, is_exact=True) for case in with_aliases(work, shown))
    return Page(found, more if len(cases) > limit else None)


def narrowed_to(work: Work, filters: Filters, *, service: str = "", citizenship: str = "") -> Filters:
    """Return the filters narrowed to a service that is needed or a citizenship, where the roles show them."""
    wanted = (("services", words.NEED, service), ("demographics", words.CITIZENSHIP, citizenship))
    found = []
    for scope, column, code in wanted:
        if code:
            require_scopes(work, "case.search", [scope])
            found.append(words.code_key(work.vault, column, code))
    return replace(filters, words=(*filters.words, *found))


def _check(text: str, limit: int, filters: Filters) -> None:
    if filters.stage is not None:
        check_code("stage", filters.stage, STAGES)
    if len(text) > LONGEST_TEXT:
        raise InvalidError("The search is too long.", {"text": f"accepted: up to {LONGEST_TEXT} characters"})
    if not 0 < limit <= 4 * PAGE_SIZE:
        raise InvalidError("The page's size can't be used.", {"limit": f"accepted: 1 to {4 * PAGE_SIZE}"})


def _named(work: Work, text: str, filters: Filters) -> list[str]:
    # A reference or an own file number names its case; it stands before everything else.
    found = []
    if (typed := reference.read(text)) and (case_id := heads.find_by_reference(work.connection, typed)):
        found.append(case_id)
    blind = words.external_number_blind(work.vault, text)
    found += heads.find_by_external_numbers(work.connection, [blind]).values()
    return list(heads.narrowed(work.connection, list(dict.fromkeys(found)), filters))


def _terms(work: Work, text: str, country: str) -> list[Term]:
    readable = readable_scopes(work.actor)
    if any(character.isdigit() for character in text):
        # "AB 123 456" or "+355 69 123": the whole text may be one number, written with spaces.
        whole = Term(frozenset(_number_keys(work, text, country, readable)), frozenset())
        if whole.exact and finding.any_has(work.connection, whole):
            return [whole]
    found = [term for token in text.split() for term in _token_terms(work, token, country, readable)]
    return list(dict.fromkeys(found))[:MOST_WORDS]


def _token_terms(work: Work, token: str, country: str, readable: frozenset[str]) -> Iterator[Term]:
    by_name = "identity" in readable
    exact = list(words.name_keys(work.vault, token)) if by_name else []
    if any(character.isdigit() for character in token):
        numbers = set(_number_keys(work, token, country, readable))
        yield Term(frozenset(numbers | set(exact[:1])), frozenset())
    else:
        alike = list(words.sound_keys(work.vault, token)) if by_name else []
        for one, sound in zip(exact, alike, strict=True):
            yield Term(frozenset([one]), frozenset([sound]))
        if not exact and any(character.isalnum() for character in token):
            # A word that can't be looked up, or may not be, is still asked for: it matches nothing.
            yield Term(frozenset(), frozenset())


def _number_keys(work: Work, text: str, country: str, readable: frozenset[str]) -> Iterator[words.Key]:
    if "identity" in readable:
        yield from words.document_keys(work.vault, text)
    enough = sum(character.isdigit() for character in text) >= _FEWEST_PHONE_DIGITS
    if "contact" in readable and enough:
        yield from words.phone_keys(work.vault, text, country)


def _by_words(
    work: Work, terms: list[Term], filters: Filters, place: _Place, limit: int
) -> tuple[list[tuple[str, bool]], str | None]:
    found: list[tuple[str, bool]] = []
    after = place.after
    if place.part == _EXACT:
        exact = finding.find_exact(work.connection, terms, Window(filters, after, limit + 1))
        found = [(case_id, True) for case_id in exact[:limit]]
        if len(exact) > limit:
            return found, f"{_EXACT}.{found[-1][0]}"
        after = ""
    wanted = limit - len(found)
    alike = finding.find_alike(work.connection, terms, Window(filters, after, wanted + 1))
    found += [(case_id, False) for case_id in alike[:wanted]]
    if len(alike) <= wanted:
        return found, None
    return found, f"{_ALIKE}.{alike[wanted - 1] if wanted else ''}"


def _shown(work: Work, found: list[tuple[str, bool]]) -> tuple[Found, ...]:
    cases = heads.find_cases(work.connection, [case_id for case_id, _is_exact in found])
    shown: list[Case] = with_aliases(work, [cases[case_id] for case_id, _is_exact in found])
    return tuple(Found(case, is_exact) for case, (_id, is_exact) in zip(shown, found, strict=True))


def _read_place(cursor: str | None) -> _Place:
    part, _, after = (cursor or f"{_EXACT}.").partition(".")
    if part not in (_EXACT, _ALIKE) or (after and not _is_id(after)):
        raise InvalidError("The list can't continue from there.", {"cursor": "accepted: one given before"})
    return _Place(part, after)


def _read_moment(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    micros, _, case_id = cursor.partition(".")
    if not micros.isascii() or not micros.isdigit() or len(micros) > 17 or not _is_id(case_id):  # noqa: PLR2004
        raise InvalidError("The list can't continue from there.", {"cursor": "accepted: one given before"})
    return EPOCH + timedelta(microseconds=int(micros)), case_id


def _is_id(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")  # noqa: PLR2004 - 16 bytes in hexadecimal
