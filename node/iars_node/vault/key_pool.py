"""Content keys written ahead, so that a key handed out is already safe on the disk."""

from __future__ import annotations

import os
import secrets
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_ID_BYTES = 16
FIRST_CHUNK = 8
LARGEST_CHUNK = 256


class KeyPool:
    """Hands out key ids whose keys were committed to the key store before.

    A database commit can therefore never mention a key that a crash loses. A restart forgets the unused
    rest of a pool: some rows in the key store that nothing will ever mention. Chunks start small and
    double, so that a short command leaves few of them.
    """

    def __init__(self, write: Callable[[list[bytes]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._ready: list[bytes] = []
        self._chunk = FIRST_CHUNK
        self._process = os.getpid()

    def take(self) -> bytes:
        """Return the id of a fresh key."""
        with self._lock:
            if self._process != os.getpid():
                # A forked process must not hand out what its parent hands out too.
                self._ready, self._process = [], os.getpid()
            if not self._ready:
                self._refill()
            return self._ready.pop()

    def _refill(self) -> None:
        fresh = [secrets.token_bytes(KEY_ID_BYTES) for _ in range(self._chunk)]
        self._write(fresh)
        self._ready = fresh
        self._chunk = min(self._chunk * 2, LARGEST_CHUNK)
