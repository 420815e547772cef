"""The published vectors: what an outsider runs against another implementation, run against this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.vectors import forms
from tests.vectors.__main__ import content_of, described_nodes, described_vocabularies, groups, run
from tests.vectors.operations import OPERATIONS

from iars_protocol import errors
from iars_protocol.errors import ProtocolError

if TYPE_CHECKING:
    from pathlib import Path

OUTCOMES = {"ok"} | {
    kind.code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ProtocolError) and kind is not ProtocolError
}
FILES = forms.files()


def vectors() -> list[Any]:
    return [
        pytest.param(path, vector, id=f"{path.stem}: {vector['name']}")
        for path in FILES
        for vector in forms.load(path)["vectors"]
    ]


@pytest.mark.parametrize(("path", "vector"), vectors())
def test_each_vector_comes_out_as_it_says(path: Path, vector: dict[str, Any]) -> None:
    outcome, output = run(forms.load(path)["operation"], vector["input"])
    assert outcome == vector["expect"]
    assert json.loads(json.dumps(output)) == vector.get("output", {})


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_each_file_has_the_closed_form(path: Path) -> None:
    content = forms.load(path)
    assert content.keys() == {"section", "operation", "vectors"}
    assert path.stem.startswith(content["section"])
    assert content["operation"] in OPERATIONS
    for vector in content["vectors"]:
        assert vector["expect"] in OUTCOMES
        assert vector.keys() - {"output"} == {"name", "expect", "input"}
        assert ("output" in vector) == (vector["expect"] == "ok")
    names = [vector["name"] for vector in content["vectors"]]
    assert len(set(names)) == len(names)


def test_the_files_are_the_generators() -> None:
    made = {f"{group.file}.json": content_of(group) for group in groups()}
    assert {path.name: forms.load(path) for path in FILES} == json.loads(json.dumps(made))
    assert forms.load(forms.FOLDER / forms.NODES) == described_nodes()
    assert forms.load(forms.FOLDER / forms.VOCABULARIES) == described_vocabularies()


def test_every_operation_and_every_outcome_of_bytes_has_a_vector() -> None:
    contents = [forms.load(path) for path in FILES]
    assert {content["operation"] for content in contents} == OPERATIONS.keys()
    seen = {vector["expect"] for content in contents for vector in content["vectors"]}
    # Whether a sender is known only a node's memory can tell.
    assert OUTCOMES - seen == {"unknown-sender"}
