"""The texts that people are read, and the words of their receipts: data, one file for each language."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from iars_node.consent.model import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "en"
_FOLDER = "texts"


@dataclass(frozen=True, slots=True)
class NoticeText:
    """One version of what is read out: what we do with what we hold, then what we ask."""

    id: str
    version: int
    language: str
    privacy: tuple[str, ...]
    consent: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The whole text, in the order in which it is read."""
        return self.privacy + self.consent

    @property
    def notice(self) -> Notice:
        """What a record keeps of it: enough to find the text again, and to prove that it is the same."""
        digest = hashlib.sha256("\n".join(self.sentences).encode()).hexdigest()
        return Notice(self.id, self.version, self.language, digest)


@dataclass(frozen=True, slots=True)
class Texts:
    """Everything that is said to persons in one language."""

    language: str
    notices: tuple[NoticeText, ...]
    words: Mapping[str, Mapping[str, Any]]

    def word(self, table: str, name: str, **places: str) -> str:
        """Return a word or sentence with its places filled in."""
        text = str(self.words[table][name])
        return text.format(**places) if places else text

    def lines(self, table: str, name: str) -> list[str]:
        """Return several sentences."""
        return [str(line) for line in self.words[table][name]]


@cache
def languages() -> tuple[str, ...]:
    """Return the languages in which there are texts."""
    folder = resources.files("iars_node.consent").joinpath(_FOLDER)
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


@cache
def texts_in(language: str) -> Texts:
    """Return the texts in a language, or in the source language where there are none."""
    code = language if language in languages() else SOURCE
    path = resources.files("iars_node.consent").joinpath(_FOLDER, f"{code}.toml")
    content = tomllib.loads(path.read_text("utf-8"))
    notices = tuple(
        NoticeText(entry["id"], entry["version"], code, tuple(entry["privacy"]), tuple(entry["consent"]))
        for entry in content.pop("notice")
    )
    return Texts(code, notices, MappingProxyType(content))


def to_read_out(language: str) -> NoticeText:
    """Return the newest text in a person's language, or in the source language where there is none."""
    return texts_in(language).notices[-1]


def text_of(notice: Notice) -> NoticeText | None:
    """Return the very text that a record names, or None where this node does not have it word for word."""
    if notice.language not in languages():
        return None
    found = texts_in(notice.language).notices
    return next((text for text in found if text.notice == notice), None)
