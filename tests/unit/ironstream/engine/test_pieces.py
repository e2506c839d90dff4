from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from agents.telemetry import TelemetryPartition
from ironstream.engine import pieces
from ironstream.engine.api import Pieces
from ironstream.engine.pieces import records_of_pieces
from tests.support.engine import MemoryStore, RecordedOutputs, chunk
from tests.support.telemetry import Log, message, topology_of


@dataclass(slots=True)
class _Kept(RecordedOutputs):
    pieces: list[Pieces] = field(default_factory=list)

    def send_pieces(self, topic: str, pieces: Pieces) -> None:
        self.pieces.append(pieces)
        # not super(): a dataclass with slots is another class than the one that this method was written in
        RecordedOutputs.send_pieces(self, topic, pieces)


@pytest.mark.parametrize("batch_bytes", [1_000, 1_000_000])
def test_pieces_are_read_back_as_a_broker_would_give_them(batch_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_BATCH_BYTES", batch_bytes)
    log = Log()
    for number in range(20):
        log.add(number, message(number, 20.5 + number, number + 1))
    out = _Kept()
    TelemetryPartition(MemoryStore(), 0, topology_of("version: 1\n")).apply(chunk("telemetry.raw", log.records), out)

    groups = [records for one in out.pieces for records in records_of_pieces(one)]

    read = [(one.key, one.value, one.timestamp, tuple(one.headers)) for group in groups for one in group]
    assert read == [(one.key, one.value, one.timestamp_ms, one.headers) for one in out.to("telemetry.clean")]
    assert (len(read), len(groups) > 1) == (20, batch_bytes == 1_000)
