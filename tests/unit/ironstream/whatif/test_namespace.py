from __future__ import annotations

import pytest

from ironstream.whatif.namespace import is_left

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("run", "left"),
    [
        ("here-1799999990-aa", True),
        ("here-1799999990-bb", False),
        ("there-1799999990-cc", False),
        ("there-1799900000-dd", True),
        ("not one of ours", False),
    ],
)
def test_runs_of_this_machine_go_by_their_locks_and_others_by_their_age(run: str, left: bool) -> None:
    assert is_left(run, "here", {"here-1799999990-bb"}, NOW) is left
