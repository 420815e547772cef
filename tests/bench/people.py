"""Invented people by number: the same number is the same person on every machine."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from iars_node.cases.store.words import INDEXED_SCOPES, Key, keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_node.vault.vault import Vault
    from iars_protocol.record import Record, Value

_NAMES = (
    "Maria Elena Ana Elira Olena Natalia Fatima Amina Besa Drita Ioana Svetlana Oksana Irina Aisha Mariam "
    "Sara Leila Nadia Yulia Vera Tatiana Ludmila Galina Anna Elizaveta Kateryna Daria Sofia Viktoria "
    "Alina Joy Blessing Grace Mercy Faith Hope Patience Linh Mai Lan Huong Nguyet Somchai Ahmad Mohammed "
    "Ali Hassan Ivan Petr Sergei Andrei Mihai Ion Luan Agim Arben Dmitri Oleg Bekim"
)
_SYLLABLES = tuple(f"{head}{vowel}" for head, vowel in zip("bklmnrstvzdghkl", "aeiouaeiouaeiou", strict=True))
_ENDINGS = ("ov", "aj", "i", "escu", "enko", "yan", "shvili", "ek")
GIVEN = tuple(_NAMES.split())
FAMILIES = tuple(
    f"{first}{second}{ending}".capitalize()
    for first, second, ending in product(_SYLLABLES, _SYLLABLES, _ENDINGS)
)
# Steps along the golden section and another irrational number fill the unit evenly, without any chance.
_GOLDEN, _SILVER = 0.6180339887498949, 0.41421356237309515


def given_name(number: int) -> str:
    """Return a person's given name; the first ones are the common ones."""
    return _drawn(GIVEN, number * _GOLDEN % 1, 1.5)


def family_name(number: int) -> str:
    """Return a person's family name: a few are borne by many, most by few."""
    return _drawn(FAMILIES, number * _SILVER % 1, 3)


def document_number(number: int) -> str:
    """Return a person's document number."""
    return f"AB{number:07d}"


def phone(number: int) -> str:
    """Return a person's phone number."""
    return f"+35569{number:07d}"


def record_of(number: int) -> Record:
    """Return what a shelter has written down about a person."""
    return {
        "services": {"needs": [{"service": "MED-SCREEN", "priority": "urgent"}]},
        "demographics": {"gender": "Feminine", "citizenships": ["MD"], "languages": ["ro", "ru"]},
        "identity": identity_of_person(number),
        "contact": {"phone": phone(number)},
        "medical": {"conditions": ["asthma"], "pregnancy": "unknown"},
        "exploitation": {"narrative": "She was promised work in a hotel.", "types": ["SexualExploitation"]},
        "safety": {"risk": "high"},
    }


def searched_record(number: int) -> Record:
    """Return what a search and its page of finds need of a person, and nothing else."""
    return {"identity": identity_of_person(number), "contact": {"phone": phone(number)}}


def identity_of_person(number: int) -> dict[str, Value]:
    """Return who a person is."""
    return {
        "given_name": given_name(number),
        "family_name": family_name(number),
        "birth_date": f"{1970 + number % 35}-{1 + number % 12:02}",
        "document_number": document_number(number),
    }


def words_of(vault: Vault, record: Record) -> dict[str, set[Key]]:
    """Return everything that a record is found by, blind."""
    return {scope: keys_of(vault, scope, record[scope]) for scope in record if scope in INDEXED_SCOPES}


def _drawn(names: Sequence[str], place: float, steepness: float) -> str:
    return names[int(place**steepness * len(names))]
