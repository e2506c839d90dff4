from __future__ import annotations

import asyncio
import json

from ironstream.gateway.adapter import Fault
from ironstream.gateway.fault_log import FaultLog
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.secrets import Redactor

SPEC = PipelineSpec(id="p", adapter="fake", asset_id="pump-1", config={})


class Lines:
    """A publisher that keeps the log."""

    connected = True

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str]] = []

    async def wait_for_room(self) -> None: ...

    def put(self, record: Outgoing) -> None:
        raise AssertionError("a log line may be lost")

    def offer(self, record: Outgoing) -> bool:
        line = json.loads(record.value)
        self.all.append((line["event"], line["kind"], line["error"]))
        return True

    async def flush(self, timeout_s: float) -> None: ...


def fault_log(into: Lines, lines: int = 2, window_s: float = 3600.0) -> FaultLog:
    log = AdapterLog(SPEC, into, hostname="gw", boot="b", redact=Redactor())
    return FaultLog(log, lines=lines, window_s=window_s)


async def test_only_the_first_different_messages_of_a_kind_are_told_and_the_number_of_the_others() -> None:
    lines = Lines()
    log = fault_log(lines)
    for number in range(100):
        log.tell(Fault("protocol", f"message {number} is no JSON"))
    log.tell(Fault("timeout", "pump: nothing was heard"))
    told = [
        ("read_fault", "protocol", "message 0 is no JSON"),
        ("read_fault", "protocol", "message 1 is no JSON"),
        ("read_fault", "timeout", "pump: nothing was heard"),
    ]
    assert lines.all == told
    log.close()
    assert lines.all == [*told, ("more_read_faults", "protocol", "and 98 more")]


async def test_a_message_that_comes_again_is_one_line() -> None:
    lines = Lines()
    log = fault_log(lines)
    for _ in range(5):
        log.tell(Fault("protocol", "bad"))
    log.close()
    assert lines.all == [("read_fault", "protocol", "bad"), ("more_read_faults", "protocol", "and 4 more")]


async def test_what_was_mended_is_news_when_it_comes_again_but_not_without_end() -> None:
    lines = Lines()
    log = fault_log(lines)
    for _ in range(5):
        log.tell(Fault("timeout", "y"))
        log.mended(["y"])
    log.close()
    assert lines.all == [("read_fault", "timeout", "y")] * 2 + [("more_read_faults", "timeout", "and 3 more")]


async def test_after_its_time_the_rest_is_told_and_a_message_is_a_line_again() -> None:
    lines = Lines()
    log = fault_log(lines, lines=1, window_s=0.001)
    log.tell(Fault("protocol", "bad"))
    log.tell(Fault("protocol", "worse"))
    async with asyncio.timeout(20):
        while len(lines.all) < 2:  # noqa: ASYNC110  the log waits for nobody
            await asyncio.sleep(0.001)
    assert lines.all[1] == ("more_read_faults", "protocol", "and 1 more")
    log.tell(Fault("protocol", "worse"))
    assert lines.all[2] == ("read_fault", "protocol", "worse")
    log.close()


async def test_what_was_told_whole_has_no_second_line() -> None:
    lines = Lines()
    log = fault_log(lines)
    log.tell(Fault("protocol", "bad"))
    log.close()
    log.close()
    assert len(lines.all) == 1
