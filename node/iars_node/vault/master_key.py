"""The master key: wrapped under the passphrase in the key store's header, and never written otherwise."""

from __future__ import annotations

import secrets
from dataclasses import replace

from iars_node.errors import InvalidError
from iars_node.vault import sealing
from iars_node.vault.errors import DamagedError, PassphraseError
from iars_node.vault.model import Header


def wrap(master: bytes, store_id: bytes, passphrase: str, cost: sealing.Cost) -> Header:
    """Build a header that holds the master key under a passphrase and a fresh salt."""
    if not passphrase:
        raise InvalidError("The passphrase is empty.", {"passphrase": "required"})
    salt = secrets.token_bytes(sealing.SALT_BYTES)
    header = Header(store_id, salt, cost.passes, cost.memory_kib, b"")
    key = sealing.passphrase_key(passphrase, salt, cost)
    return replace(header, wrapped_master=sealing.seal(key, master, _place(header)))


def unwrap(header: Header, passphrase: str) -> bytes:
    """Return the master key; PassphraseError when the passphrase is not the one."""
    cost = sealing.Cost(header.passes, header.memory_kib)
    key = sealing.passphrase_key(passphrase, header.salt, cost)
    try:
        return sealing.open_sealed(key, header.wrapped_master, _place(header))
    except DamagedError:
        # A damaged header looks the same as a wrong passphrase; the far likelier is said.
        raise PassphraseError("The passphrase does not unlock this node.") from None


def _place(header: Header) -> bytes:
    cost = f"{header.passes}/{header.memory_kib}"
    return sealing.context("header", cost, header.store_id.hex(), header.salt.hex())
