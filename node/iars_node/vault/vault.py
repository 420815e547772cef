"""The vault: seals and opens what the node keeps, and erases it by destroying its key."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Self

from iars_node.errors import ErasedError, LockedError
from iars_node.vault import key_backup, master_key, sealing
from iars_node.vault.key_pool import KeyNames, KeyPool
from iars_node.vault.key_store import KeyStore
from iars_node.vault.model import Erasure, SealedPrivateKey, StoredKey
from iars_node.vault.sealing import USUAL_COST, Cost, context
from iars_node.vault.subkeys import Subkeys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = ["Cost", "Vault", "context"]


class Vault:
    """Keys at rest. Locked until the passphrase is given; then every thread of the process may use it.

    An unlocked process holds the master key in memory, and Python can't promise to wipe it there:
    whoever can read this process's memory can read everything.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._keys: Subkeys | None = None
        self._names = KeyNames()
        self._pool = KeyPool(self._write_content_keys, self._names)
        self._unused: dict[bytes, bytes] = {}

    @classmethod
    def create(cls, key_store_url: str, passphrase: str, *, cost: Cost = USUAL_COST) -> Self:
        """Make a new key store with a fresh master key; the vault returned is unlocked."""
        master = sealing.new_key()
        header = master_key.wrap(master, secrets.token_bytes(16), passphrase, cost)
        vault = cls(KeyStore.create(key_store_url, header))
        vault._keys = Subkeys(master)
        return vault

    @classmethod
    def at(cls, key_store_url: str) -> Self:
        """Open an existing key store; the vault returned is locked."""
        return cls(KeyStore.at(key_store_url))

    @classmethod
    def restore(cls, key_store_url: str, backup: Path) -> Self:
        """Make or complete a key store from a backup; the vault returned is locked."""
        return cls(key_backup.restore(key_store_url, backup))

    @property
    def is_unlocked(self) -> bool:
        """Say whether the passphrase was given."""
        return self._keys is not None

    def unlock(self, passphrase: str) -> None:
        """Take the master key into memory."""
        self._keys = Subkeys(master_key.unwrap(self._store.header(), passphrase))

    def lock(self) -> None:
        """Forget the master key, and the content keys that were made ahead."""
        self._keys = None
        self._unused = {}

    def close(self) -> None:
        """Lock, and close the key store's connections."""
        self.lock()
        self._store.close()

    def change_passphrase(self, old: str, new: str) -> None:
        """Wrap the master key under another passphrase. Backups made before still open with the old one."""
        header = self._store.header()
        master = master_key.unwrap(header, old)
        cost = Cost(header.passes, header.memory_kib)
        self._store.replace_header(master_key.wrap(master, header.store_id, new, cost))

    # -- content keys

    def new_content_key(self) -> bytes:
        """Allot a content key that is already safe in the key store; return its id."""
        self._unlocked()
        return self._pool.take()

    def seal(self, key_id: bytes, plaintext: bytes, context: bytes) -> bytes:
        """Seal content under a content key, for one place."""
        return self.seal_many([(key_id, plaintext, context)])[0]

    def seal_many(self, rows: Sequence[tuple[bytes, bytes, bytes]]) -> list[bytes]:
        """Seal (key id, plaintext, context) rows with one query of the key store."""
        keys = self._content_keys([row[0] for row in rows])
        try:
            return [sealing.seal(keys[key_id], plaintext, place) for key_id, plaintext, place in rows]
        except KeyError:
            raise ErasedError("The key for this content has been destroyed.") from None

    def seal_nested(self, rows: Sequence[tuple[Sequence[bytes], bytes, bytes]]) -> list[bytes]:
        """Seal (key ids, plaintext, context) rows with one query, each under its keys in turn."""
        keys = self._content_keys([key_id for key_ids, _plaintext, _place in rows for key_id in key_ids])
        sealed = []
        for key_ids, content, place in rows:
            for key_id in key_ids:
                if key_id not in keys:
                    raise ErasedError("The key for this content has been destroyed.")
                content = sealing.seal(keys[key_id], content, place)  # noqa: PLW2901 - one layer around the other
            sealed.append(content)
        return sealed

    def open_nested(self, rows: Sequence[tuple[Sequence[bytes], bytes, bytes]]) -> list[bytes | None]:
        """Open what `seal_nested` sealed with one query; None where one of the keys is gone."""
        keys = self._content_keys([key_id for key_ids, _sealed, _place in rows for key_id in key_ids])
        opened: list[bytes | None] = []
        for key_ids, content, place in rows:
            if not keys.keys() >= set(key_ids):
                opened.append(None)
                continue
            for key_id in reversed(key_ids):
                content = sealing.open_sealed(keys[key_id], content, place)  # noqa: PLW2901 - as above
            opened.append(content)
        return opened

    def seal_anew(self, rows: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Seal (plaintext, context) rows, each under a content key of its own; return (key id, sealed) rows.

        The keys are safe in the key store before this returns, all of them in one commit.
        """
        wrapping = self._unlocked().wrapping
        # Drawn in one piece: asking the system for each key apart costs more than sealing with it.
        drawn = secrets.token_bytes(sealing.KEY_BYTES * len(rows))
        keys = [drawn[start : start + sealing.KEY_BYTES] for start in range(0, len(drawn), sealing.KEY_BYTES)]
        fresh = list(zip(self._names.next(len(rows)), keys, strict=True))
        self._store.add_content_keys([(key_id, sealing.seal(wrapping, key, key_id)) for key_id, key in fresh])
        return [
            (key_id, sealing.seal(key, plaintext, place))
            for (key_id, key), (plaintext, place) in zip(fresh, rows, strict=True)
        ]

    def open(self, key_id: bytes, sealed: bytes, context: bytes) -> bytes:
        """Open content; ErasedError when its key is gone."""
        opened = self.open_many([(key_id, sealed, context)])[0]
        if opened is None:
            raise ErasedError("This content has been erased.")
        return opened

    def open_many(self, rows: Sequence[tuple[bytes, bytes, bytes]]) -> list[bytes | None]:
        """Open (key id, sealed, context) rows with one query; None stands for erased content."""
        keys = self._content_keys([row[0] for row in rows])
        return [
            sealing.open_sealed(keys[key_id], sealed, place) if key_id in keys else None
            for key_id, sealed, place in rows
        ]

    def has_content_keys(self, key_ids: Iterable[bytes]) -> set[bytes]:
        """Return those of the key ids whose keys exist; works while locked."""
        return set(self._store.content_keys(list(key_ids)))

    def content_key_ids(self) -> Iterator[bytes]:
        """Yield the id of every content key there is, in their order; works while locked."""
        return self._store.content_key_ids()

    def erased_key_ids(self) -> Iterator[bytes]:
        """Yield everything that the ledger names, in its order; works while locked."""
        return self._store.erased_key_ids()

    def erase_content_keys(self, key_ids: Iterable[bytes], *, at: datetime) -> None:
        """Destroy content keys for good; works while locked, and twice is as once.

        This is outside the caller's database transaction and can't be undone: commit the intent first,
        then erase, then mark it done.
        """
        key_ids = set(key_ids)
        for key_id in key_ids:
            self._unused.pop(key_id, None)
        self._store.erase_content_keys([Erasure(key_id, at) for key_id in sorted(key_ids)])

    def ledger(self) -> list[Erasure]:
        """Return every erasure, oldest first."""
        return self._store.ledger()

    def replay_ledger(self, erasures: Iterable[Erasure] = ()) -> int:
        """Add erasures known from elsewhere, then destroy every key that the ledger names; count them."""
        # What was made ahead may be among them: from here on the key store alone says what exists.
        self._unused = {}
        return self._store.replay_ledger(list(erasures))

    # -- the node's own

    def seal_own(self, plaintext: bytes, context: bytes) -> bytes:
        """Seal what belongs to the node and is never erased with a case."""
        return sealing.seal(self._unlocked().own, plaintext, context)

    def open_own(self, sealed: bytes, context: bytes) -> bytes:
        """Open what `seal_own` sealed."""
        return sealing.open_sealed(self._unlocked().own, sealed, context)

    def blind(self, column: str, word: str) -> bytes:
        """Return the 16 bytes under which a column's word is found without being written."""
        return sealing.blind(self._unlocked().blind(column), word)

    # -- the identity's private keys and documents

    def store_private_key(
        self, role: str, key_id: bytes, seed: bytes, *, not_after: datetime | None = None
    ) -> None:
        """Seal and store a private key; storing it again replaces its role and date."""
        place = _private_place(role, key_id, not_after)
        sealed = sealing.seal(self._unlocked().private, seed, place)
        self._store.store_private_key(SealedPrivateKey(key_id, role, not_after, sealed))

    def private_keys(self, role: str) -> list[StoredKey]:
        """Return the private keys of a role, in the order they were stored."""
        key = self._unlocked().private
        return [
            StoredKey(
                row.key_id,
                sealing.open_sealed(key, row.sealed_seed, _private_place(role, row.key_id, row.not_after)),
                row.not_after,
            )
            for row in self._store.private_keys(role)
        ]

    def destroy_private_key(self, key_id: bytes) -> None:
        """Destroy a private key for good: no restore brings it back."""
        self._store.destroy_private_key(key_id)

    def store_document(self, name: str, content: bytes) -> None:
        """Seal and store a small document of the identity, replacing the one of that name."""
        sealed = sealing.seal(self._unlocked().documents, content, context("document", "sealed", name))
        self._store.store_document(name, sealed)

    def document(self, name: str) -> bytes | None:
        """Return a document of the identity."""
        key = self._unlocked().documents
        sealed = self._store.document(name)
        return (
            None if sealed is None else sealing.open_sealed(key, sealed, context("document", "sealed", name))
        )

    # -- backups

    def back_up(self, target: Path) -> None:
        """Write a consistent copy of the key store to a new file; works while locked.

        Copy the database first and the key store after it: then the copy has every key the database's
        copy mentions. Key backups must be short-lived, because an erased key lives on in them.
        """
        key_backup.back_up(self._store, target)

    def is_in(self, backup: Path) -> bool:
        """Say whether a backup is of this key store."""
        return key_backup.store_id(backup) == self._store.header().store_id

    def restore_from(self, backup: Path) -> None:
        """Add what this key store lost and a backup has. A key that either ledger names never returns."""
        key_backup.merge(self._store, backup)

    # -- inside

    def _unlocked(self) -> Subkeys:
        keys = self._keys
        if keys is None:
            raise LockedError("The node is locked; an administrator must unlock it with the passphrase.")
        return keys

    def _content_keys(self, key_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        wrapping = self._unlocked().wrapping
        wanted = dict.fromkeys(key_ids)
        # The first use of a key that was made here. From then on it is read each time and never kept:
        # another process may have erased it a moment ago.
        keys = {key_id: key for key_id in wanted if (key := self._unused.pop(key_id, None)) is not None}
        if len(keys) < len(wanted):
            wrapped = self._store.content_keys([key_id for key_id in wanted if key_id not in keys])
            keys |= {key_id: sealing.open_sealed(wrapping, row, key_id) for key_id, row in wrapped.items()}
        return keys

    def _write_content_keys(self, key_ids: list[bytes]) -> None:
        wrapping = self._unlocked().wrapping
        fresh = {key_id: sealing.new_key() for key_id in key_ids}
        self._store.add_content_keys(
            [(key_id, sealing.seal(wrapping, key, key_id)) for key_id, key in fresh.items()]
        )
        self._unused = fresh


def _private_place(role: str, key_id: bytes, not_after: datetime | None) -> bytes:
    return context("private_key", role, key_id.hex(), "" if not_after is None else str(not_after.timestamp()))
