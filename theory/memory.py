"""Memory of temporary arrays, kept by the process from one use to the next."""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def keep_pages() -> None:
    """Free one large block of memory, once in a process, so that glibc keeps smaller blocks that are freed.

    Its threshold for returning memory to the system follows the largest block freed, and never falls. Without this,
    loops over large arrays spend up to half their time on page faults. With other allocators it has no effect.
    """
    np.empty(2**21)
