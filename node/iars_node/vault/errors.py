"""What can go wrong with keys: a wrong passphrase, damaged content, a key store that does not answer."""

from __future__ import annotations

from iars_node.errors import NodeError


class PassphraseError(NodeError):
    """The passphrase does not unlock the key store."""

    code = "passphrase"
    status = 403


class DamagedError(NodeError):
    """Sealed content was altered, cut short, or moved from the place it was sealed for."""

    code = "damaged"
    status = 500


class KeyStoreError(NodeError):
    """The key store can't be reached or written; nothing was changed unless the message says so."""

    code = "key-store"
    status = 503
