from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2

from agents import telemetry


def test_a_key_has_the_partition_that_kafka_s_default_partitioner_gives_it() -> None:
    # murmur2 of Kafka's own tests: 21 -> -973932308, foobar -> -790332482
    assert telemetry.murmur_partition(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
    assert telemetry.murmur_partition(b"foobar", 12) == (-790332482 & 0x7FFFFFFF) % 12


def test_the_hash_of_an_asset_is_worked_out_once_for_all_its_series(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []

    def count(key: bytes) -> int:
        hashed.append(key)
        return int(murmur2(key))

    monkeypatch.setattr(telemetry, "murmur2", count)

    for _ in range(50):
        telemetry.murmur_partition(b"acme/placement/pump-1", 7)

    assert hashed == [b"acme/placement/pump-1"]
