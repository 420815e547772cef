"""What a process that serves for weeks settles once, when it has started."""

from __future__ import annotations

import ctypes
import gc

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's mallopt(3)."""
ARENAS = 2


def settle_in() -> None:
    """Keep memory small: few arenas for the C library's allocator, and no search through what stays for ever.

    glibc gives every thread an arena of its own, up to eight for each processor, and what one thread frees
    helps no other. Where the C library has no such setting, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, ARENAS)
    gc.collect()
    gc.freeze()
