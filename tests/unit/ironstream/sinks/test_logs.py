from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from ironstream.gateway.secrets import Redactor
from ironstream.log import configure_logging
from ironstream.settings import Settings
from ironstream.sinks.logs import SinkLog, SinkLogs

SECRET = 'pass"word'


def lines(kept: SinkLog) -> list[dict[str, Any]]:
    return [json.loads(line) for line in kept.take()]


@pytest.fixture
async def kept(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[SinkLog]:
    configure_logging("DEBUG")
    handler = SinkLog("history", Redactor([SECRET]), hostname="here")
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def log(kept: SinkLog) -> Any:
    return structlog.get_logger("ironstream.sinks.target")


async def test_a_warning_is_a_line_with_what_it_says_and_who_says_it(log: Any, kept: SinkLog) -> None:
    log.info("written", rows=3)
    log.warning("target did not take a cut", topic="telemetry.clean", rows=3, breaker_open=True)
    await kept.came.wait()
    (line,) = lines(kept)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning", "event": "target did not take a cut", "logger": "ironstream.sinks.target",
        "topic": "telemetry.clean", "rows": 3, "breaker_open": True, "sink": "history", "hostname": "here",
    }  # fmt: skip


async def test_no_secret_is_in_a_line_however_it_came_there(log: Any, kept: SinkLog) -> None:
    try:
        raise ValueError(f"cannot log in with {SECRET}")
    except ValueError as error:
        log.error("worker stops", error=str(error), exc_info=error, password="hunter2", seen=[{"dsn": f"//{SECRET}@"}])
        logging.getLogger("aiokafka").exception("no %s", SECRET)
    log.warning("long", text="x" * 3995 + SECRET)
    stopped, foreign, long = lines(kept)
    assert (stopped["event"], stopped["password"], stopped["seen"]) == ("worker stops", "********", [{"dsn": "//***@"}])
    assert stopped["error"] == "cannot log in with ***"
    assert stopped["exception"] == foreign["exception"] == "ValueError('cannot log in with ***')"
    assert foreign["event"] == "no ***"
    assert long["text"] == "x" * 3995 + "***"


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")


async def test_what_cannot_be_said_or_taken_stops_nothing(log: Any, kept: SinkLog) -> None:
    # not by their logger: pytest's own handler raises
    kept.handle(logging.LogRecord("library", logging.WARNING, "", 1, "%d", ("no number",), None))
    kept.handle(logging.LogRecord("library", logging.WARNING, "", 1, Unspeakable(), None, None))
    log.warning("strange", value=object, count=float("nan"))
    (line,) = lines(kept)
    assert line["event"] == "strange"


async def test_other_threads_log_too_and_only_so_much_waits(log: Any, kept: SinkLog) -> None:
    def talk() -> None:
        for number in range(3000):
            logging.getLogger("thread").error("line %d", number)

    thread = threading.Thread(target=talk)
    thread.start()
    # the loop is held up meanwhile
    thread.join()
    assert [line["event"] for line in lines(kept)] == [f"line {number}" for number in range(2000, 3000)]


async def test_a_process_that_cannot_reach_kafka_ends_all_the_same(nowhere: str) -> None:
    logs = SinkLogs("history", Settings(bootstrap=nowhere), Redactor())
    await logs.on_start()
    logging.getLogger("aiokafka").error("nobody hears this")
    begun_s = time.monotonic()
    await logs.on_stop()
    assert time.monotonic() - begun_s < 20
    quiet = SinkLogs("history", Settings(bootstrap=nowhere), Redactor())
    await quiet.on_start()
    await quiet.on_stop()
