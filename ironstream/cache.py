"""Where things are kept that can be made again: Kafka's jars, compiled kernels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

CACHE_VARIABLE: Final = "IRONSTREAM_CACHE_DIR"


def cache_dir() -> Path:
    """Folder of the user's cache, which need not exist yet: IRONSTREAM_CACHE_DIR, else the platform's usual place."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override).expanduser() if override else platformdirs.user_cache_path("ironstream", appauthor=False)
