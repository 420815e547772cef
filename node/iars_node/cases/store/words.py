"""The blind words of cases: what is indexed of a document, and under which columns."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import delete

from iars_node.cases.tables import search_word
from iars_node.prepared import insert_many
from iars_node.vault.words import document_number, phone_digits, sounds, words
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from iars_node.vault.vault import Vault
    from iars_protocol.record import Value

Key: TypeAlias = "tuple[str, bytes]"

NAME, SOUND, WHOLE_NAME, DOCUMENT, PHONE = "name", "sound", "whole", "document", "phone"
EXTERNAL_NUMBER = "external"
NEED, CITIZENSHIP = "need", "citizen"

# Codes that lists are narrowed to. They are few, so who holds the database sees how often each stands there,
# though not which is which: the least sensitive parts of a record alone are indexed so.
_CODED = {("services", "needs"): NEED, ("demographics", "citizenships"): CITIZENSHIP}
CODED_SCOPES = frozenset(scope for scope, _name in _CODED)

INDEXED_SCOPES = CODED_SCOPES | {
    code for code, scope in SCOPES.items() if any(field.index for field in scope.fields.values())
}


def name_keys(vault: Vault, text: str) -> Iterator[Key]:
    """Yield the exact words of a name, in any script and case."""
    # An alias is found like a name: whoever types one does not know which of the two it is.
    return ((NAME, vault.blind(NAME, word)) for word in words(text))


def sound_keys(vault: Vault, text: str) -> Iterator[Key]:
    """Yield how a name's words sound."""
    return ((SOUND, vault.blind(SOUND, sounds(word))) for word in words(text))


def document_keys(vault: Vault, text: str) -> Iterator[Key]:
    """Yield a document's number, whatever its spaces and dashes."""
    if number := document_number(text):
        yield DOCUMENT, vault.blind(DOCUMENT, number)


def phone_keys(vault: Vault, text: str, country: str = "") -> Iterator[Key]:
    """Yield a phone number's digits; `country` is that of numbers written without a code."""
    if digits := phone_digits(text, country):
        yield PHONE, vault.blind(PHONE, digits)


def code_key(vault: Vault, column: str, code: str) -> Key:
    """Return the word of a code that lists are narrowed to."""
    return column, vault.blind(column, code)


def external_number_blind(vault: Vault, number: str) -> bytes:
    """Return the blind index of the organisation's own file number."""
    # Marks between digits count, unlike those of a document: 1/23 and 12/3 are two files.
    return vault.blind(EXTERNAL_NUMBER, "".join(unicodedata.normalize("NFKC", number).casefold().split()))


def keys_of(vault: Vault, scope: str, fields: Mapping[str, Value]) -> set[Key]:
    """Return everything that a document's indexed fields are found by."""
    found: set[Key] = set()
    heard: dict[str, list[str]] = {}
    for name, field in SCOPES[scope].fields.items():
        if field.index and name in fields:
            value = fields[name]
            texts = [str(entry) for entry in value] if isinstance(value, list) else [str(value)]
            if field.index in _NAMES:
                heard[name] = _add_names(vault, found, texts)
            else:
                found.update(key for text in texts for key in _NUMBERS[field.index](vault, text))
    for (coded, name), column in _CODED.items():
        if coded == scope and name in fields:
            found.update(code_key(vault, column, code) for code in _codes(fields[name]))
    if heard.keys() >= _WHOLE_NAME_OF:
        # Given and family name together, in any order: those who share it are alike before any other is.
        whole = " ".join(sorted(sound for name in _WHOLE_NAME_OF for sound in heard[name]))
        found.add((WHOLE_NAME, vault.blind(WHOLE_NAME, whole)))
    return found


def replace_words(connection: Connection, case_id: str, key_id: bytes, keys: Collection[Key]) -> None:
    """Index a document's words in place of those of its earlier version."""
    remove_words(connection, [key_id])
    insert_words(connection, word_rows(case_id, key_id, keys))


def word_rows(case_id: str, key_id: bytes, keys: Collection[Key]) -> list[dict[str, object]]:
    """Return the table rows of a document's words."""
    return [
        {"column": column, "blind": blind, "case_id": case_id, "key_id": key_id} for column, blind in keys
    ]


def insert_words(connection: Connection, rows: list[dict[str, object]]) -> None:
    """Add many words at once."""
    insert_many(connection, search_word, rows)


def remove_words(connection: Connection, key_ids: Collection[bytes]) -> None:
    """Remove every word of documents that the keys seal."""
    connection.execute(delete(search_word).where(search_word.c.key_id.in_(key_ids)))


def _codes(value: Value) -> Iterator[str]:
    for entry in value if isinstance(value, list) else ():
        yield entry if isinstance(entry, str) else str(entry.get("service", ""))


def _add_names(vault: Vault, found: set[Key], texts: Iterable[str]) -> list[str]:
    each = [word for text in texts for word in words(text)]
    heard = [sounds(word) for word in each]
    found.update((NAME, vault.blind(NAME, word)) for word in each)
    found.update((SOUND, vault.blind(SOUND, sound)) for sound in heard)
    return heard


_NAMES = frozenset({"name", "alias"})
_NUMBERS: dict[str, Callable[[Vault, str], Iterator[Key]]] = {"document": document_keys, "phone": phone_keys}
_WHOLE_NAME_OF = frozenset({"given_name", "family_name"})
