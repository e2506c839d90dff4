from __future__ import annotations

from ironstream.rollout.progress import progress_of
from ironstream.rollout.statuses import Role, Status


def status(
    name: str, role: Role, change: int | None, *, on: int = 0, of: int = 0, refused: str | None = None
) -> Status:
    return Status(name, role, change=change, on=on, of=of, refused=refused)


def test_a_change_is_complete_when_all_who_are_there_are_done_with_it_and_no_partition_lacks() -> None:
    first, second = status("w1", "worker", 3, on=4, of=4), status("w2", "worker", 3, on=1, of=2)
    gateway = status("g", "gateway", 3)
    halfway = progress_of(3, [first, second, gateway], 6)
    assert (halfway.complete, halfway.switched, halfway.lacking) == (False, 5, 0)
    assert list(halfway.pending) == [second]
    assert progress_of(3, [first, status("w2", "worker", 3, on=2, of=2), gateway], 6).complete


def test_partitions_that_no_worker_has_are_waited_for_but_not_where_there_is_no_worker() -> None:
    one = status("w1", "worker", 3, on=4, of=4)
    assert progress_of(3, [one], 6).lacking == 2
    assert not progress_of(3, [one], 6).complete
    assert progress_of(3, [status("g", "gateway", 3)], 6).complete
    assert progress_of(3, [], 6).complete


def test_who_refuses_is_done_with_it_and_told_apart_and_who_has_an_older_one_is_waited_for() -> None:
    refusing, old = status("s", "sink", 3, refused="no secret"), status("g", "gateway", 2, refused="of the one before")
    progress = progress_of(3, [refusing, old], 0)
    assert (list(progress.refused), list(progress.pending), list(progress.done)) == ([refusing], [old], [])
