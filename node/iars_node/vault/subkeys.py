"""The keys derived from the master key, one for each purpose."""

from __future__ import annotations

from iars_node.vault import sealing


class Subkeys:
    """One key for each purpose, so that nothing sealed for one can be taken for another."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._blind: dict[str, bytes] = {}
        self.wrapping = sealing.derive(master, "iars/vault/1/wrap-content-keys")
        self.own = sealing.derive(master, "iars/vault/1/own")
        self.private = sealing.derive(master, "iars/vault/1/private-keys")
        self.documents = sealing.derive(master, "iars/vault/1/documents")

    def blind(self, column: str) -> bytes:
        """Return the key of one column's blind index."""
        key = self._blind.get(column)
        if key is None:
            key = self._blind[column] = sealing.derive(self._master, f"iars/vault/1/blind/{column}")
        return key
