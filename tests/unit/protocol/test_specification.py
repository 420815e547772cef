"""The specification and the code name the same things."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.vectors import forms
from tests.vectors.operations import OPERATIONS

from iars_protocol import errors, statements
from iars_protocol.batch import HINTS
from iars_protocol.consent import SIGN_PURPOSE
from iars_protocol.errors import ProtocolError
from iars_protocol.messages.registry import TYPES
from iars_protocol.referral import TRANSITIONS
from iars_protocol.values import KINDS

PROTOCOL = Path(__file__).parents[3] / "protocol"
SPECIFICATION = (PROTOCOL / "SPEC.md").read_text("utf-8")
HEADINGS = set(re.findall(r"^#{2,3} ([0-9]+(?:\.[0-9]+)?)\.? ", SPECIFICATION, re.MULTILINE))
CODES = [
    kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ProtocolError) and kind is not ProtocolError
]
KINDS_OF_STATEMENTS = [statements.INCEPTION, statements.ROOT_ROTATION, statements.DELEGATION]
PURPOSES = re.findall(r'"(iars/1/[a-z-]+)"', "".join(path.read_text() for path in PROTOCOL.rglob("*.py")))


@pytest.mark.parametrize(
    "name",
    # Sorted: several processes must collect the same tests in the same order.
    sorted({*CODES, *HINTS, *TYPES, *TRANSITIONS, *KINDS, *KINDS_OF_STATEMENTS, *OPERATIONS, *PURPOSES}),
)
def test_what_the_code_names_stands_in_the_specification(name: str) -> None:
    if name != "iars/1/fingerprint":
        assert f"`{name}`" in SPECIFICATION


@pytest.mark.parametrize("path", sorted(PROTOCOL.rglob("*.py")), ids=lambda path: path.name)
def test_each_section_that_the_code_cites_exists(path: Path) -> None:
    cited = re.findall(r"SPEC § ([0-9]+(?:\.[0-9]+)?)", path.read_text("utf-8"))
    assert set(cited) <= HEADINGS


def test_each_section_with_vectors_exists() -> None:
    assert {forms.load(path)["section"] for path in forms.files()} <= HEADINGS


def test_requirements_are_numbered_once_and_in_order() -> None:
    numbers = [(int(a), int(b)) for a, b in re.findall(r"\*\*R([0-9]+)-([0-9]+)\*\*", SPECIFICATION)]
    for section in {section for section, _ in numbers}:
        counted = [number for found, number in numbers if found == section]
        assert counted == list(range(1, len(counted) + 1))


def test_every_purpose_signs_one_thing() -> None:
    assert len(set(SIGN_PURPOSE.values())) == len(SIGN_PURPOSE)
