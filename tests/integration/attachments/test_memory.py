"""A large attachment goes in and out in flat memory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import hashlib, resource, sys
from pathlib import Path
from iars_node.attachments.folder import AttachmentFolder

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

folder = AttachmentFolder(Path(sys.argv[1]))
piece = bytes(range(256)) * 256
folder.write([piece] * 16, most=2**40)
before = peak()
stored = folder.write((piece for _ in range(4800)), most=2**40)
seen = 0
for opened in folder.open(stored):
    seen += len(opened)
assert seen == 4800 * 65536, seen
print(peak() - before)
"""


def test_300_megabytes_go_in_and_out_in_flat_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={"PYTHONPATH": "protocol:node", "PATH": "/usr/bin:/bin"},
    )
    assert float(done.stdout) < 40
