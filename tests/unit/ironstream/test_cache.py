from pathlib import Path

import pytest

from ironstream.cache import cache_dir


def test_the_cache_can_be_put_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_CACHE_DIR", "/elsewhere")

    assert cache_dir() == Path("/elsewhere")
