"""What every long-running process of the product does to itself: a fast loop, calm garbage collection."""

import gc
from collections.abc import Coroutine

import uvloop

YOUNG = 20_000
"""Allocations between two collections of the youngest objects: requests make many and few cycles."""


def run_process(main: Coroutine[None, None, None]) -> None:
    """Run a process's main coroutine to its end."""
    uvloop.run(main)


def settle_memory() -> None:
    """Call this when everything is imported and open: what lives till the end is looked at no more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
