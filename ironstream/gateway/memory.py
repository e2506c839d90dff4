"""Python's garbage collector in a process of adapters."""

from __future__ import annotations

import gc


def settle() -> None:
    """Take all that stands now out of the collector's sight, but for what is garbage already.

    Ten thousand tags are some million objects that stay as they are, and looking through them stops all polls for half
    a second. To be called whenever pipelines came or went: what belonged to the former ones is collected then.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
