"""Every audit action and alarm that the code names is one that exists."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import iars_admin
import iars_node
from iars_node.audit.actions import ACTIONS
from iars_node.audit.alarms import ALARMS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOTS = [Path(package.__path__[0]) for package in (iars_node, iars_admin)]


def _calls(name: str) -> Iterator[ast.Call]:
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) == name:
                    yield node


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _words(name: str, position: int) -> set[str]:
    words = set()
    for call in _calls(name):
        if len(call.args) > position:
            word = call.args[position]
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                words.add(word.value)
    return words


def test_every_recorded_action_is_in_the_vocabulary() -> None:
    recorded = _words("record", 1) | _words("Entry", 0)
    assert {word for word in recorded if "." in word} - ACTIONS == set()
    assert "account.created" in recorded


# Put together where they are recorded, of a topic and what came of it.
COMPOSED = {"exchange.envelope-received", "exchange.out-of-order", "consent.requested"}
VOCABULARIES = {"actions.py", "alarms.py", "labels.py", "log_words.py"}


def _texts() -> Iterator[str]:
    for root in ROOTS:
        for path in sorted(root.rglob("*.py")):
            if path.name not in VOCABULARIES:
                for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield node.value


def test_no_action_of_the_vocabulary_is_one_that_nothing_records() -> None:
    assert ACTIONS - set(_texts()) - _words("record", 1) == COMPOSED


def test_every_raised_alarm_is_in_the_vocabulary() -> None:
    raised = _words("raise_alarm", 1)
    assert raised - ALARMS == set()
    assert "job.parked" in raised
