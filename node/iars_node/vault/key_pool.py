"""Content keys: how they are named, and written ahead, so that a key handed out is already on the disk."""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_ID_BYTES = 16
_PREFIX_BYTES = 10
FIRST_CHUNK = 8
LARGEST_CHUNK = 256


class KeyNames:
    """Names keys: a prefix that this process has drawn for itself, then a number that counts up.

    What is made together stays together in every index: with ids drawn at random each key would touch a page
    of its own in four of them. The name says which keys one process made after each other and no more than
    the order of rows says already; it holds no time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._prefix = b""
        self._count = 0
        self._process = 0

    def next(self, count: int) -> list[bytes]:
        """Return so many names that no other process gives."""
        with self._lock:
            if self._process != os.getpid():
                # A forked process must not give the names that its parent gives too.
                self._prefix, self._count = secrets.token_bytes(_PREFIX_BYTES), 0
                self._process = os.getpid()
            start, self._count = self._count, self._count + count
            prefix, width = self._prefix, KEY_ID_BYTES - _PREFIX_BYTES
            return [prefix + number.to_bytes(width, "big") for number in range(start, start + count)]


class KeyPool:
    """Hands out key ids whose keys were committed to the key store before.

    A database commit can therefore never mention a key that a crash loses. A restart forgets the unused
    rest of a pool: some rows in the key store that nothing will ever mention. Chunks start small and
    double, so that a short command leaves few of them.
    """

    def __init__(self, write: Callable[[list[bytes]], None], names: KeyNames) -> None:
        self._write = write
        self._names = names
        self._lock = threading.Lock()
        self._ready: deque[bytes] = deque()
        self._chunk = FIRST_CHUNK
        self._process = os.getpid()

    def take(self) -> bytes:
        """Return the id of a fresh key."""
        with self._lock:
            if self._process != os.getpid():
                # A forked process must not hand out what its parent hands out too.
                self._ready, self._process = deque(), os.getpid()
            if not self._ready:
                self._refill()
            return self._ready.popleft()

    def _refill(self) -> None:
        fresh = self._names.next(self._chunk)
        self._write(fresh)
        self._ready = deque(fresh)
        self._chunk = min(self._chunk * 2, LARGEST_CHUNK)
