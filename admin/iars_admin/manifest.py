"""A backup's manifest: what it holds, with a hash of every file. It is written last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iars_node.errors import SetupError

FILE = "manifest.json"
FORMAT = "iars-backup/1"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which node was copied when, and the SHA-256 of each file by its path in the backup."""

    node: str
    organisation: str
    made_at: datetime
    rows: int
    files: dict[str, str]

    def to_text(self) -> str:
        """Return the manifest as it is written."""
        content = {
            "format": FORMAT,
            "node": self.node,
            "organisation": self.organisation,
            "made_at": self.made_at.isoformat(),
            "rows": self.rows,
            "files": self.files,
        }
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_manifest(backup: Path) -> Manifest:
    """Read a backup's manifest."""
    try:
        content = json.loads((backup / FILE).read_text("utf-8"))
        if content.pop("format") != FORMAT:
            raise SetupError("The backup was made by another version of IARS.")
        content["made_at"] = datetime.fromisoformat(content["made_at"])
        manifest = Manifest(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"There is no complete backup in {backup}.") from error
    return manifest


def check_files(backup: Path, manifest: Manifest) -> None:
    """Refuse a backup in which a file is missing or was changed."""
    for name, wanted in manifest.files.items():
        path = backup / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise SetupError("The backup's manifest names a file outside it.")
        if not path.is_file() or file_hash(path) != wanted:
            raise SetupError(f"The backup is damaged: {name} is missing or was changed. Use another one.")


def file_hash(path: Path) -> str:
    """Return a file's SHA-256."""
    found = hashlib.sha256()
    with path.open("rb") as opened:
        while piece := opened.read(CHUNK):
            found.update(piece)
    return found.hexdigest()
