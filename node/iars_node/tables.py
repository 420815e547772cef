"""Every table of the node: importing this module fills `iars_node.db.metadata`.

The slices' `tables` modules are found rather than listed: a list could forget one, and its table would then
be missing from the migrations.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil

import iars_node
from iars_node.db import metadata

__all__ = ["metadata"]

for _slice in pkgutil.iter_modules(iars_node.__path__, "iars_node."):
    if _slice.ispkg and importlib.util.find_spec(f"{_slice.name}.tables"):
        importlib.import_module(f"{_slice.name}.tables")
