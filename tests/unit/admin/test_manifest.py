from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iars_admin.manifest import FILE, Manifest, check_files, file_hash, read_manifest
from iars_node.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A manifest of one file."""
    (tmp_path / "node.sqlite").write_bytes(b"rows")
    made = Manifest("ab", "Shelter", datetime(2026, 3, 2, tzinfo=UTC), 1, {})
    made.files["node.sqlite"] = file_hash(tmp_path / "node.sqlite")
    (tmp_path / FILE).write_text(made.to_text(), "utf-8")
    return made


def test_a_manifest_comes_back_as_it_was_written(manifest: Manifest, tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == manifest
    check_files(tmp_path, manifest)


def test_a_changed_or_missing_file_is_noticed(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "node.sqlite").write_bytes(b"other rows")
    with pytest.raises(SetupError, match="damaged"):
        check_files(tmp_path, manifest)
    (tmp_path / "node.sqlite").unlink()
    with pytest.raises(SetupError, match="damaged"):
        check_files(tmp_path, manifest)


@pytest.mark.parametrize("name", ["../node.sqlite", "/etc/passwd", "a/../../b"])
def test_a_manifest_names_nothing_outside_the_backup(manifest: Manifest, tmp_path: Path, name: str) -> None:
    manifest.files[name] = "00"
    with pytest.raises(SetupError, match="outside"):
        check_files(tmp_path, manifest)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"format": "iars-backup/9"}),
        json.dumps({"format": "iars-backup/1", "x": 1}),
    ],
)
def test_what_is_no_manifest_is_no_backup(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, "utf-8")
    with pytest.raises(SetupError):
        read_manifest(tmp_path)
