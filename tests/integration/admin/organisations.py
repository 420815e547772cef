"""Organisations whose nodes are made and used by the real command line."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import CHEAP, PASSPHRASE
from tests.federation.neighbours import Neighbour, Wire, settle
from typer.main import get_command
from typer.testing import CliRunner

from iars_admin import founding
from iars_admin.cli import build_app
from iars_node.node import build_node
from iars_node.settings import load_settings
from iars_node.vault.vault import Cost, Vault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PASSWORD = "seven green boats at dawn"

PERSON = {
    "services": {"needs": [{"service": "MED-SCREEN", "priority": "urgent"}]},
    "demographics": {"gender": "Feminine", "citizenships": ["MD"], "languages": ["ro"]},
    "identity": {"given_name": "Ana", "family_name": "Munteanu", "document_number": "AB 123"},
    "medical": {"conditions": ["asthma"]},
    "safety": {"risk": "high"},
}


class QuickVault(Vault):
    """A vault whose passphrase costs next to nothing to try."""

    @classmethod
    def create(cls, key_store_url: str, passphrase: str, *, cost: Cost = CHEAP) -> QuickVault:
        """Make a key store that opens fast."""
        return super().create(key_store_url, passphrase, cost=cost)


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer as a program reads it."""
        return json.loads(self.out)


class Organisation:
    """A node's folder, and the command line used on it by one of its accounts."""

    def __init__(self, folder: Path, account: str = "", variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.account = account
        self.variables = dict(variables or {})

    def as_(self, account: str) -> Organisation:
        """Return the same node, used by another account."""
        return Organisation(self.folder, account, self.variables)

    def run(self, *words: object, **variables: str | None) -> Answer:
        """Give a command; expected and unexpected ends come back as an answer."""
        common = ["--folder", str(self.folder)]
        if self.account:
            common += ["--as", self.account]
        return give([*common, *map(str, words)], {**self.variables, **variables})

    def ask(self, *words: object) -> Any:
        """Give a command that must succeed; return its JSON."""
        answer = self.run(*words, "--json")
        assert answer.code == 0, answer.err
        return answer.json


def give(words: list[str], variables: Mapping[str, str | None] | None = None) -> Answer:
    """Give the command line some words."""
    usual: dict[str, str | None] = {"IARS_PASSPHRASE": PASSPHRASE, "IARS_PASSWORD": PASSWORD}
    usual |= {"IARS_FOLDER": None, "IARS_ACCOUNT": None}
    code: object = 0
    with CliRunner().isolation(env=usual | dict(variables or {})) as (told, said, _both):
        try:
            _command_line().main(args=words, prog_name="iars")
        except SystemExit as end:
            code = end.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        out, err = told.getvalue().decode(), said.getvalue().decode()
    return Answer(int(str(code or 0)), out, err)


@cache
def _command_line() -> Any:
    # Read once: to make commands of all functions takes longer than most commands.
    return get_command(build_app())


def found(folder: Path, name: str, *more: str, **variables: str) -> Organisation:
    """Make a node with an administrator and the usual accounts."""
    words = ["--folder", str(folder), "init", "--name", name, "--type", "NGO", "--country", "AL"]
    words += ["--zone", "Europe/Tirane", "--languages", "en,sq", "--service", "MED-SCREEN"]
    words += ["--url", f"https://{name.lower()}", "--administrator", "agim", "--keep-root", *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(founding, "Vault", QuickVault)
        answer = give(words, variables)
    assert answer.code == 0, answer.err
    made = Organisation(folder, "agim", variables)
    for account, role in (("mira", "case-worker"), ("ada", "auditor"), ("rita", "reception")):
        made.ask("user", "add", account, "--role", role)
    return made


def federate(one: Organisation, other: Organisation) -> None:
    """Let two nodes know and verify each other."""
    for mine, theirs in ((one, other), (other, one)):
        listing = mine.folder.parent / f"{theirs.folder.name}.listing"
        shown = theirs.ask("listing", "export", listing)
        mine.ask("peer", "add", listing, "--digits", shown["fingerprint"])
        listing.unlink()


def consent_words(case: str, *more: str) -> list[str]:
    """Return the command that records a usual consent."""
    words = ["consent", "give", case, "--to", "mission", "--purpose", "assistance", "--notice-language", "ro"]
    for scope in ("services", "demographics", "identity", "medical"):
        words += ["--scope", scope]
    return [*words, "--withhold", "identity.document_number", "--feedback", "medical", *more]


def deliver(*organisations: Organisation) -> None:
    """Carry what waits between nodes, as two served nodes would."""
    wire = Wire()
    nodes = []
    for organisation in organisations:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in organisation.variables.items():
                patch.setenv(name, value)
            node = build_node(load_settings(organisation.folder), transport=wire)
        node.vault.unlock(PASSPHRASE)
        wire.nodes[organisation.folder.name] = node
        nodes.append(node)
    asyncio.run(settle(*(Neighbour(node) for node in nodes)))
    for node in nodes:
        node.close()
