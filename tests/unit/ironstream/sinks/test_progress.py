from __future__ import annotations

import pytest

from ironstream.sinks.progress import progress_told
from ironstream.sinks.sink import SinkUnavailableError


def attempt(done: list[str], new: list[str], error: Exception) -> None:
    with progress_told(lambda: len(done)):
        done += new
        raise error


@pytest.mark.parametrize("new", [[], ["c"], ["c", "d"]])
def test_an_outage_says_whether_more_is_done_than_when_the_try_began(new: list[str]) -> None:
    with pytest.raises(SinkUnavailableError) as caught:
        attempt(["a", "b"], new, SinkUnavailableError("busy", retry_after_s=3.0))
    assert (caught.value.progressed, caught.value.retry_after_s) == (bool(new), 3.0)


def test_what_is_no_outage_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError, match="a defect"):
        attempt([], ["a"], ZeroDivisionError("a defect"))
