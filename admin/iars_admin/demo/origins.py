"""Where the people of the synthetic year come from: names, languages, places, ways."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any
from unicodedata import name

from anyascii import anyascii


@dataclass(frozen=True, slots=True)
class Origin:
    """One country's people: how many, and what a draw puts together for them."""

    code: str
    people: int
    households: tuple[int, ...]
    alone: int
    men: int
    citizenships: tuple[str, ...]
    languages: tuple[str, ...]
    women: tuple[str, ...]
    others: tuple[str, ...]
    families: tuple[str, ...]
    places: tuple[str, ...]
    transit: tuple[str, ...]
    second_citizenship: str = ""
    latin: dict[str, str] = field(default_factory=dict)

    def in_latin(self, text: str) -> str:
        """Return a name as a document of the country writes it in Latin letters."""
        return self.latin.get(text) or anyascii(text).replace("'", "")


def is_latin(text: str) -> bool:
    """Say whether every letter is of the Latin script."""
    return all(name(letter).startswith("LATIN") for letter in text if letter.isalpha())


@cache
def origins() -> tuple[Origin, ...]:
    """Return every origin, in the order of the file."""
    text = resources.files("iars_admin.demo").joinpath("origins.toml").read_text("utf-8")
    return tuple(_origin(code, entry) for code, entry in tomllib.loads(text).items())


def _origin(code: str, entry: dict[str, Any]) -> Origin:
    named: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return Origin(code=code, **named)
