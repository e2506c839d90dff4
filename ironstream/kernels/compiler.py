"""Compiles kernels when their module is imported: some seconds the first time, later they come from the user's cache.

The cache's folder is named after the sources, because numba does not notice a change in a function that another calls,
or in a constant that another module defines.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import structlog

from ironstream.cache import cache_dir
from ironstream.domain import series, times

log = structlog.get_logger(__name__)

_F = TypeVar("_F", bound=Callable[..., Any])
Signature = str | list[str]


def _cache_folder() -> Path:
    sources = blake2b(digest_size=8)
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(series.__file__), Path(times.__file__)):
        sources.update(path.read_bytes())
    folder = cache_dir() / "kernels" / sources.hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A home that cannot be written, as in many containers.
        folder = Path(tempfile.mkdtemp(prefix="ironstream-kernels-"))
    if not any(folder.iterdir()):
        log.info("kernels are compiled, which happens once and takes some seconds", cache=str(folder))
    return folder


# Before numba is imported: it reads this once.
os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache_folder()))

import numba  # noqa: E402

# Without numba's runtime: nobody counts references to the arrays, which their callers hold. Counting took a third to
# almost a half of the time of the kernels that read JSON: atomic operations for every array given to a helper. So no
# kernel can make an array.
_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}


def kernel(signature: Signature) -> Callable[[_F], _F]:
    """Compile a function for exactly these argument types; it raises TypeError for any others."""

    def compiled(function: _F) -> _F:
        return cast(_F, numba.njit(signature, **_OPTIONS)(function))

    return compiled


def helper(function: _F) -> _F:
    """Compile a function that kernels call, into each of them."""
    return cast(_F, numba.njit(**_OPTIONS)(function))


def inlined(function: _F) -> _F:
    """The same, copied into its caller: for the smallest, where the call would cost more than the work."""
    return cast(_F, numba.njit(inline="always", **_OPTIONS)(function))
