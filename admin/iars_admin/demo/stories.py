"""Free text of the synthetic year: composed from many sentences, so that no two accounts are equal."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from iars_admin.demo.draw import Draw

TOWNS = ("Tirana", "Durrës", "Elbasan", "Vlorë")
_PRONOUNS = {
    "Feminine": ("she", "her", "her"),
    "TransgenderFeminine": ("she", "her", "her"),
    "Masculine": ("he", "him", "his"),
}
_WITHOUT = ("the person", "them", "their")


@cache
def _sentences() -> dict[str, Any]:
    text = resources.files("iars_admin.demo").joinpath("sentences.toml").read_text("utf-8")
    return tomllib.loads(text)


def sentences(section: str, name: str) -> list[str]:
    """Return the sentences of one kind."""
    return cast("list[str]", _sentences()[section][name])


def treatments() -> dict[str, str]:
    """Return what is given for each condition; an empty text where nothing is."""
    return cast("dict[str, str]", _sentences()["treatment"])


@dataclass(frozen=True, slots=True)
class Setting:
    """Who a story is about, and where it takes place."""

    gender: str
    place: str
    there: str
    transit: str
    town: str
    count: int

    def fill(self, sentence: str) -> str:
        """Return a sentence with its pieces filled in."""
        who, whom, whose = _PRONOUNS.get(self.gender, _WITHOUT)
        return sentence.format(
            Who=who[0].upper() + who[1:],
            who=who,
            whom=whom,
            whose=whose,
            place=self.place,
            there=self.there,
            transit=self.transit,
            town=self.town,
            count=self.count,
        )


@dataclass(frozen=True, slots=True)
class Storyteller:
    """Puts one person's texts together."""

    draw: Draw
    setting: Setting

    def one(self, section: str, name: str) -> str:
        """Return one sentence of a kind."""
        return self.setting.fill(self.draw.one(sentences(section, name)))

    def some(self, section: str, name: str, least: int, most: int) -> list[str]:
        """Return several different sentences of a kind."""
        chosen = self.draw.some(sentences(section, name), least, most)
        return [self.setting.fill(sentence) for sentence in chosen]

    def account(self, recruitment: str, exploitation: str) -> str:
        """Tell how it began, what happened and how it ended, in a case worker's words."""
        told = [
            self.one("account", "opening"),
            self.one("recruitment", recruitment),
            self.one("account", "way"),
            self.one("situation", exploitation),
            self.one("account", "hold"),
            self.one("account", "way_out"),
            *self.some("account", "now", 1, 2),
        ]
        return " ".join(told)

    def assessment(self) -> str:
        """Tell how the person is."""
        return " ".join([*self.some("assessment", "first", 2, 3), *self.some("assessment", "second", 1, 2)])

    def wanted(self) -> str:
        """Tell what support the person asks for."""
        return _sentence(", ".join(self.some("assessment", "wanted", 1, 2)))

    def received(self) -> str:
        """Tell what support the person has had."""
        return "".join(f"{kind}. " for kind in self.some("assessment", "received", 1, 2)).strip()


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
