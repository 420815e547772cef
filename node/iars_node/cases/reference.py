"""Short references of cases: random, unique here, and easy to say and hear over a telephone."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that nothing is misread as 1 or 0 and no word is spelled."""

SHORTEST, LONGEST = 4, 9
_TRIES_PER_LENGTH = 4
_MISHEARD = str.maketrans({"I": "1", "L": "1", "O": "0"})


def draw(attempt: int) -> str:
    """Return a random reference such as `K-4F7Q`; it grows by one character after every four attempts."""
    length = SHORTEST + attempt // _TRIES_PER_LENGTH
    return "K-" + "".join(secrets.choice(ALPHABET) for _ in range(length))


def read(text: str) -> str | None:
    """Return the reference that a person typed in any manner, or None when it is not one."""
    letters = "".join(text.split()).replace("-", "").upper().translate(_MISHEARD)
    body = letters.removeprefix("K") if len(letters) > SHORTEST else letters
    if not SHORTEST <= len(body) <= LONGEST or set(body) - set(ALPHABET):
        return None
    return f"K-{body}"
