"""Passwords of accounts: Argon2id, with its parameters stored in each hash."""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from functools import cache

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

# 32 MiB and three passes cost about a tenth of a second and fit a small machine. Two at once bound
# the memory that a crowd of sign-ins can take: the others wait their turn.
_MEMORY = 32 * 1024 * 1024
_PASSES = 3
_AT_ONCE = threading.BoundedSemaphore(2)

_PARAMETERS = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$")


def hash_password(password: str) -> str:
    """Hash a password with a fresh salt at today's cost."""
    with _AT_ONCE:
        return argon2id.str(octets(password), opslimit=_PASSES, memlimit=_MEMORY).decode()


def verify_password(password: str, stored: str) -> bool:
    """Say whether a password gives the stored hash, at the cost stored with it."""
    try:
        with _AT_ONCE:
            return argon2id.verify(stored.encode(), octets(password))
    except CryptoError:
        return False


def is_weak(stored: str) -> bool:
    """Say whether a stored hash was made at a lower cost than today's."""
    found = _PARAMETERS.match(stored)
    return found is None or int(found[1]) * 1024 < _MEMORY or int(found[2]) < _PASSES


@cache
def nobodys_hash() -> str:
    """Return a hash that no password gives: verifying it costs as much as verifying a real one."""
    return hash_password(secrets.token_hex(32))


def octets(password: str) -> bytes:
    """Return a password as it is hashed, on whatever keyboard it was typed."""
    # The same letters typed on two keyboards can be different code points.
    return unicodedata.normalize("NFKC", password).encode()
