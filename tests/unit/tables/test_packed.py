import numpy as np
import pytest

from ironstream.domain.series import SERIES_STATE
from ironstream.errors import EngineError
from tables.packed import PackedLayout
from tables.series import identity_of, series_name

LAYOUT = PackedLayout("series", b"s/", 1, SERIES_STATE)


def test_a_row_is_read_as_it_was_written_with_and_without_a_rest() -> None:
    column = np.zeros(3, SERIES_STATE)
    column["watermark"], column["last_value"] = [1, 2, 3], [0.5, np.nan, np.inf]
    for at in range(3):
        for rest in ({}, {"unit": "bar", "times": [1, 2**62]}):
            element, found = LAYOUT.unpack(LAYOUT.pack(column, at, rest))
            assert element.tobytes() == column[at].tobytes()
            assert found == rest


@pytest.mark.parametrize("row", [b"", b"\x01", b"\x02" + bytes(SERIES_STATE.itemsize), bytes(SERIES_STATE.itemsize)])
def test_a_row_of_another_layout_is_refused_with_what_to_do(row: bytes) -> None:
    with pytest.raises(EngineError, match="run the release that wrote it"):
        LAYOUT.unpack(row)


def test_a_series_is_found_by_its_name_again() -> None:
    identity = ("acme", "rig-alpha", "well.12", "p_1")
    assert identity_of(series_name(identity)) == identity
