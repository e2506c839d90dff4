"""Going back is refused where somebody else has made a change that was not seen."""

from __future__ import annotations

from typing import cast

import pytest

from ironstream.rollout.going_back import go_back
from ironstream.rollout.history import History
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import OvertakenError
from ironstream.rollout.records import Change, Version
from ironstream.settings import Settings


class Log:
    """A log that is read to its end, and takes no more."""

    def __init__(self) -> None:
        self.history = History()
        for number in (1, 2, 3):
            self.history.add(Version(number, f"{number:064}", "", "ann", "", "2026-01-01T00:00:00.000Z"))
            self.history.add(
                Change(number, f"c{number}", number, "apply", "ann", "new pump", "2026-01-01T00:00:00.000Z")
            )


async def _fine(version: Version) -> None:
    return None


@pytest.mark.parametrize("wanted", [1, 3, None])
async def test_a_change_that_was_not_seen_is_not_undone(wanted: int | None) -> None:
    with pytest.raises(OvertakenError, match="ann has made version 3 hold since"):
        await go_back(Settings(), cast(TopologyLog, Log()), wanted, "bob", "limits", _fine, after=2)


async def test_what_holds_already_is_no_change_for_who_has_seen_it() -> None:
    change, version = await go_back(Settings(), cast(TopologyLog, Log()), 3, "bob", "limits", _fine, after=3)
    assert (change, version.number) == (None, 3)
