"""Challenges for passkeys: made without a row, bound to one browser and purpose, answered once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import step_store
from iars_node.db import EPOCH

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.work import Work

LIFE = timedelta(minutes=10)

_NONCE_BYTES, _TIME_BYTES = 16, 8


def new_challenge(work: Work, browser_secret: bytes, purpose: str) -> bytes:
    """Return a challenge that counts for one browser and purpose, for a while."""
    # Whoever opens the sign-in page gets one: if each cost a row, a stranger could fill the disk.
    until = int((work.now + LIFE - EPOCH).total_seconds())
    front = secrets.token_bytes(_NONCE_BYTES) + until.to_bytes(_TIME_BYTES, "big")
    return front + _mark(work, front, browser_secret, purpose)


def is_genuine(work: Work, challenge: bytes, browser_secret: bytes, purpose: str) -> bool:
    """Say whether a challenge was made here for this browser and purpose, and is not too old."""
    front, mark = challenge[: _NONCE_BYTES + _TIME_BYTES], challenge[_NONCE_BYTES + _TIME_BYTES :]
    if not secrets.compare_digest(mark, _mark(work, front, browser_secret, purpose)):
        return False
    return work.now < _until(challenge)


def use_up(work: Work, challenge: bytes) -> bool:
    """Use up a challenge that was answered rightly; say whether it is the first time."""
    return step_store.use_challenge(work.connection, challenge, _until(challenge), is_sqlite=work.is_sqlite)


def _until(challenge: bytes) -> datetime:
    moment = int.from_bytes(challenge[_NONCE_BYTES : _NONCE_BYTES + _TIME_BYTES], "big")
    return EPOCH + timedelta(seconds=moment)


def _mark(work: Work, front: bytes, browser_secret: bytes, purpose: str) -> bytes:
    return work.vault.blind("passkey_challenge", f"{purpose}:{front.hex()}:{browser_secret.hex()}")
