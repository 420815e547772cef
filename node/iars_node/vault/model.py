"""What the vault keeps and hands out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

OwnerKind = Literal["case", "referral", "attachment"]

OWN = "own"


@dataclass(frozen=True, slots=True)
class ContentKey:
    """Which key seals one scope of one owner from one source: `own`, or the grant it came under."""

    key_id: bytes
    owner_kind: OwnerKind
    owner_id: str
    scope: str
    source: str


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A private key of the node's identity."""

    key_id: bytes
    seed: bytes = field(repr=False)
    not_after: datetime | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """A line of the erasure ledger: this content key was destroyed at this moment."""

    key_id: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Header:
    """The key store's first row: which store it is, and the master key wrapped under the passphrase."""

    store_id: bytes
    salt: bytes
    passes: int
    memory_kib: int
    wrapped_master: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedPrivateKey:
    """A private key as the key store holds it."""

    key_id: bytes
    role: str
    not_after: datetime | None
    sealed_seed: bytes = field(repr=False)
