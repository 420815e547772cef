"""The node's identity: its private keys, its own key history and its listing, kept in the key store."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from iars_node.db import EPOCH
from iars_node.errors import SetupError
from iars_protocol import keys, listing
from iars_protocol.crypto import EncryptionKey, SigningKey, new_seed
from iars_protocol.encoding import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from iars_node.vault.vault import Vault
    from iars_protocol.keys import KeyHistory, Statement
    from iars_protocol.listing import Listing, SignedListing

HISTORY = "key-history"
LISTING = "listing"

ROTATE_BEFORE = timedelta(days=10)


@dataclass(frozen=True)
class RootKeys:
    """The organisation's root key and the next one, committed to already. They belong off the machine."""

    root: SigningKey
    next_root: SigningKey


@dataclass(frozen=True)
class Identity:
    """What the node signs and opens with, and how it presents itself."""

    history: KeyHistory
    listing: Listing
    signed_listing: SignedListing
    signing: SigningKey
    hop: SigningKey
    log: SigningKey
    encryption: Mapping[bytes, EncryptionKey]

    @property
    def node_id(self) -> bytes:
        """The node's id, 32 bytes."""
        return self.history.node_id

    @property
    def node_text(self) -> str:
        """The node's id as it stands in grants, columns and files."""
        return self.history.node_id.hex()


def seconds(moment: datetime) -> int:
    """Return a moment as the protocol counts: whole seconds since 1970."""
    return int((moment - EPOCH).total_seconds())


class _Author:
    """Writes one statement after the other, checking each as a stranger would."""

    def __init__(self, statements: Sequence[Statement], now: datetime) -> None:
        self.statements = list(statements)
        self.created = seconds(now)

    def state(self, kind: str, content: dict[str, Any], key: SigningKey) -> None:
        self.statements.append(
            keys.state(kind, content, key=key, previous=self.statements, created=self.created)
        )

    def add_encryption_key(self, vault: Vault, signing: SigningKey) -> None:
        key = EncryptionKey(new_seed())
        seal_until = self.created + keys.SEAL_SECONDS
        destroy_after = seal_until + keys.HOLD_SECONDS
        vault.store_private_key(
            "encryption", key.key_id, key.seed, not_after=EPOCH + timedelta(seconds=destroy_after)
        )
        content = {"key": key.public, "seal_until": seal_until, "destroy_after": destroy_after}
        self.state(keys.ENCRYPTION_KEY, content, signing)


def create_identity(vault: Vault, profile: Listing, *, endpoints: Sequence[str], now: datetime) -> RootKeys:
    """Make the node's keys, its key history and its first listing; return the root keys to be taken away.

    The profile's `node`, `number` and `created` are filled in here.
    """
    if vault.document(HISTORY) is not None:
        raise SetupError("This node has an identity already; it was left as it is.")
    root, next_root, signing, log, hop = (SigningKey(new_seed()) for _ in range(5))
    author = _Author((), now)
    author.state(keys.INCEPTION, {"root": root.public, "next_root": keys.commitment(next_root.public)}, root)
    author.state(keys.DELEGATION, {"role": "signing", "key": signing.public}, root)
    author.state(keys.DELEGATION, {"role": "log", "key": log.public}, root)
    author.state(keys.HOP_KEY, keys.hop_content(keys.read_history(author.statements).node_id, hop), signing)
    author.state(keys.ENDPOINT, {"urls": list(endpoints)}, signing)
    for role, key in (("signing", signing), ("log", log), ("hop", hop)):
        vault.store_private_key(role, key.key_id, key.seed)
    author.add_encryption_key(vault, signing)
    _publish(vault, author.statements, profile, signing, now)
    return RootKeys(root, next_root)


def _publish(
    vault: Vault, statements: Sequence[Statement], profile: Listing, key: SigningKey, now: datetime
) -> None:
    history = keys.read_history(statements)
    numbered = listing.Listing(
        node=history.node_id.hex(),
        number=profile.number + 1,
        created=seconds(now),
        names=profile.names,
        organisation_type=profile.organisation_type,
        country=profile.country,
        zone=profile.zone,
        languages=profile.languages,
        services=profile.services,
        training=profile.training,
    )
    signed = listing.sign_listing(numbered, history.statements, key)
    vault.store_document(HISTORY, encode([entry.to_plain() for entry in history.statements]))
    vault.store_document(LISTING, signed.to_bytes())
    forget(vault)


def publish_profile(
    vault: Vault, profile: Listing, *, endpoints: Sequence[str] = (), now: datetime
) -> Identity:
    """Publish a changed profile, and changed endpoints where given, under a new number."""
    forget(vault)
    identity = identity_of(vault)
    author = _Author(identity.history.statements, now)
    if endpoints and tuple(endpoints) != identity.history.endpoints:
        author.state(keys.ENDPOINT, {"urls": list(endpoints)}, identity.signing)
    _publish(vault, author.statements, profile, identity.signing, now)
    return identity_of(vault)


def rotate_encryption_key(vault: Vault, now: datetime, *, force: bool = False) -> bool:
    """Add a fresh encryption key when the newest nears its end; say whether one was added."""
    # Another process may have rotated: to go on from what was read before would fork the history.
    forget(vault)
    identity = identity_of(vault)
    newest = next(reversed(identity.history.encryption.values()))
    if not force and seconds(now + ROTATE_BEFORE) < newest.seal_until:
        return False
    author = _Author(identity.history.statements, now)
    author.add_encryption_key(vault, identity.signing)
    _publish(vault, author.statements, identity.listing, identity.signing, now)
    return True


def destroy_old_encryption_keys(vault: Vault, now: datetime) -> int:
    """Destroy private encryption keys past their time: from then on old envelopes open for nobody."""
    past = [
        key for key in vault.private_keys("encryption") if key.not_after is not None and key.not_after < now
    ]
    for key in past:
        vault.destroy_private_key(key.key_id)
    if past:
        forget(vault)
    return len(past)


_KNOWN: WeakKeyDictionary[Vault, Identity] = WeakKeyDictionary()
_KNOWN_LOCK = threading.Lock()


def identity_of(vault: Vault) -> Identity:
    """Return the identity that an unlocked vault holds."""
    with _KNOWN_LOCK:
        found = _KNOWN.get(vault)
        if found is None:
            found = _KNOWN[vault] = _load(vault)
        return found


def forget(vault: Vault) -> None:
    """Forget what was read, so that the next call reads the key store: another process may have rotated."""
    with _KNOWN_LOCK:
        _KNOWN.pop(vault, None)


def _load(vault: Vault) -> Identity:
    stored, presented = vault.document(HISTORY), vault.document(LISTING)
    if stored is None or presented is None:
        raise SetupError("This node has no identity yet; run `iars init` first.")
    history = keys.read_history(keys.Statement.from_plain(entry) for entry in decode(stored))
    signed = listing.read_signed_listing(presented)
    profile, _ = listing.verify_listing(signed, at=history.created, known=history)
    return Identity(
        history=history,
        listing=profile,
        signed_listing=signed,
        signing=_newest(vault, "signing"),
        hop=_newest(vault, "hop"),
        log=_newest(vault, "log"),
        encryption={key.key_id: EncryptionKey(key.seed) for key in vault.private_keys("encryption")},
    )


def _newest(vault: Vault, role: str) -> SigningKey:
    return SigningKey(vault.private_keys(role)[-1].seed)
