"""What can end the demo early."""

from __future__ import annotations

from iars_node.errors import NodeError


class DemoError(NodeError):
    """The demo can't go on; the text says in one sentence why."""

    code = "demo"
