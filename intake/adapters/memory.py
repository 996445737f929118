"""Keeps the memory of a long-running worker small and flat, where the C library is glibc.

glibc gives each thread that allocates an arena of its own, up to eight for each core, and returns
little of them. The worker's threads take turns anyway, so one arena costs no time: measured over
6,000 mails, the worker needs 151 MB instead of 200 MB and grows a third as fast (mallopt(3)).
"""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8  # malloc.h


def one_arena() -> bool:
    """Limits malloc to one arena from now on; False where the C library has no such setting."""
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1))
    except (OSError, AttributeError):
        return False
