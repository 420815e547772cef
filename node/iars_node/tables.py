"""Every table of the node: importing this module fills `iars_node.db.metadata`.

The slices' `tables` modules are found rather than listed: a list could forget one, and its table would then
be missing from the migrations.
"""

from __future__ import annotations

import importlib
from importlib import resources

import iars_node
from iars_node.db import metadata

__all__ = ["metadata"]

# By their files: to ask the import system would load every slice, the pages and the web server with them.
for _slice in sorted(resources.files(iars_node).iterdir(), key=lambda found: found.name):
    if _slice.is_dir() and _slice.joinpath("tables.py").is_file():
        importlib.import_module(f"iars_node.{_slice.name}.tables")
