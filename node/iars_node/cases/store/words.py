"""The blind words of cases: what is indexed of a document, and under which columns."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import delete

from iars_node.cases.tables import search_word
from iars_node.rows import insert_many
from iars_node.vault.words import document_number, phone_digits, sounds, words
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Connection

    from iars_node.vault.vault import Vault
    from iars_protocol.record import Value

Key: TypeAlias = "tuple[str, bytes]"

NAME, SOUND, WHOLE_NAME, DOCUMENT, PHONE = "name", "sound", "whole", "document", "phone"
EXTERNAL_NUMBER = "external"

INDEXED_SCOPES = frozenset(
    code for code, scope in SCOPES.items() if any(field.index for field in scope.fields.values())
)


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


def whole_name_key(vault: Vault, identity: Mapping[str, Value]) -> Key | None:
    """Return the sound of given and family name together, in any order; None unless both are known."""
    names = identity.get("given_name"), identity.get("family_name")
    if not all(isinstance(name, str) for name in names):
        return None
    heard = sorted(sounds(word) for name in names for word in words(str(name)))
    return WHOLE_NAME, vault.blind(WHOLE_NAME, " ".join(heard))


def external_number_blind(vault: Vault, number: str) -> bytes:
    """Return the blind index of the organisation's own file number."""
    # Marks between digits count, unlike those of a document: 1/23 and 12/3 are two files.
    return vault.blind(EXTERNAL_NUMBER, "".join(unicodedata.normalize("NFKC", number).casefold().split()))


def keys_of(vault: Vault, scope: str, fields: Mapping[str, Value]) -> set[Key]:
    """Return everything that a document's indexed fields are found by."""
    found: set[Key] = set()
    for name, field in SCOPES[scope].fields.items():
        if field.index and name in fields:
            value = fields[name]
            for text in value if isinstance(value, list) else [value]:
                found.update(_field_keys(vault, field.index, str(text)))
    if scope == "identity" and (whole := whole_name_key(vault, fields)):
        found.add(whole)
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


def _field_keys(vault: Vault, index: str, text: str) -> Iterator[Key]:
    if index in ("name", "alias"):
        yield from name_keys(vault, text)
        yield from sound_keys(vault, text)
    elif index == "document":
        yield from document_keys(vault, text)
    elif index == "phone":
        yield from phone_keys(vault, text)
