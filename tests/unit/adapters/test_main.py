from __future__ import annotations

from pathlib import Path

import pytest

from adapters.__main__ import settings_from_environment
from ironstream.errors import ConfigurationError


def test_the_disk_buffer_is_set_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_from_environment().buffer_dir is None
    monkeypatch.setenv("IRONSTREAM_BUFFER_DIR", "/var/lib/ironstream/buffer")
    monkeypatch.setenv("IRONSTREAM_BUFFER_MAX_MB", "64")
    monkeypatch.setenv("IRONSTREAM_BUFFER_MAX_AGE_S", "86400")
    settings = settings_from_environment()
    assert settings.buffer_dir == Path("/var/lib/ironstream/buffer")
    assert (settings.buffer_max_bytes, settings.buffer_max_age_s) == (64 * 1024 * 1024, 86_400.0)


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "inf"])
@pytest.mark.parametrize("name", ["IRONSTREAM_BUFFER_MAX_MB", "IRONSTREAM_BUFFER_MAX_AGE_S"])
def test_a_cap_that_is_no_number_above_0_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError, match=name):
        settings_from_environment()
