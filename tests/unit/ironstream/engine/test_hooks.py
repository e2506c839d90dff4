"""Every hook and private name of Faust and aiokafka that the engine uses, as they are in the locked versions.

An upgrade that moves one fails here, by name. A version that differs fails too: read the new source first, above all
the methods of OVERRIDDEN, then write the version here.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords
from faust.tables import manager, recovery
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage

from ironstream.engine import assignor, batch_app, transport
from ironstream.engine import recovery as engine_recovery

VERSIONS = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

OVERRIDDEN: list[tuple[type[Any], type[Any], str]] = [
    (faust.App, batch_app.BatchApp, "_new_transport"),
    (faust.App, batch_app.BatchApp, "_new_producer_transport"),
    (faust.App, batch_app.BatchApp, "on_stop"),
    (driver.AIOKafkaConsumerThread, transport.ConsumerThread, "_create_worker_consumer"),
    (driver.AIOKafkaConsumerThread, transport.ConsumerThread, "on_start"),
    (driver.Consumer, transport.Consumer, "_new_consumer_thread"),
    (driver.Consumer, transport.Consumer, "getmany"),
    (driver.Consumer, transport.Consumer, "_getmany"),
    (driver.Consumer, transport.Consumer, "ack"),
    (driver.Consumer, transport.Consumer, "_add_gap"),
    (driver.Consumer, transport.Consumer, "commit"),
    (driver.Consumer, transport.Consumer, "force_commit"),
    (driver.Consumer, transport.Consumer, "_commit_handler"),
    (driver.Consumer, transport.Consumer, "verify_event_path"),
    (driver.Consumer, transport.Consumer, "on_partitions_revoked"),
    (driver.Consumer, transport.Consumer, "perform_seek"),
    (driver.Producer, transport.Producer, "_settings_extra"),
    (driver.Transport, transport.Transport, "Consumer"),
    (driver.Transport, transport.Transport, "Producer"),
    (faust.Schema, transport.ChunkSchema, "loads_key"),
    (faust.Schema, transport.ChunkSchema, "loads_value"),
    (recovery.Recovery, engine_recovery.Recovery, "on_rebalance"),
    (recovery.Recovery, engine_recovery.Recovery, "_restart_recovery"),
    (recovery.Recovery, engine_recovery.Recovery, "_slurp_changelogs"),
    (recovery.Recovery, engine_recovery.Recovery, "_publish_stats"),
    (manager.TableManager, engine_recovery.TableManager, "on_start"),
    (manager.TableManager, engine_recovery.TableManager, "recovery"),
]
"""Base, our class, and what we put in place of the base's."""

USED: list[tuple[type[Any], tuple[str, ...]]] = [
    (
        faust.App,
        (
            "agent",
            "conf",
            "consumer",
            "consumer_generation_id",
            "crash",
            "producer",
            "rebalancing",
            "should_stop",
            "sleep",
            "topic",
        ),
    ),
    (
        driver.Consumer,
        (
            "_commit",
            "_committed_offset",
            "_get_active_partitions",
            "_read_offset",
            "_thread",
            "_unacked_messages",
            "_wait_next_records",
            "_waiting_for_ack",
            "assignment",
            "commit",
            "commit_interval",
            "earliest_offsets",
            "flow_active",
            "highwater",
        ),
    ),
    (driver.AIOKafkaConsumerThread, ("_assignor", "_ensure_consumer", "seek_wait")),
    (driver.Producer, ("_ensure_producer",)),
    (recovery.Recovery, ("_generation_id", "_resume_streams", "_wait", "signal_recovery_start", "wait_for_stopped")),
    (manager.TableManager, ("_recovery", "_update_channels")),
    (AIOKafkaProducer, ("create_batch", "send_batch", "send_and_wait")),
    (AIOKafkaConsumer, ("_fetcher", "_subscription")),
    (SubscriptionState, ("fetch_context",)),
    (AIOKafkaConnection, ("close", "host", "port", "send")),
    (BatchBuilder, ("_builder", "_relative_offset", "close", "size")),
    (fetcher.Fetcher, ("_fetch_max_wait_ms", "_records")),
    (fetcher.FetchResult, ("_partition_records",)),
    (fetcher.PartitionRecords, ("_check_crcs", "_records", "_records_iterator", "_tp", "next_fetch_offset")),
]
"""Class and the names of it that the engine uses, private ones among them."""

SETTINGS = (
    "TableManager",
    "agent_supervisor",
    "autodiscover",
    "broker_check_crcs",
    "broker_commit_interval",
    "broker_heartbeat_interval",
    "broker_max_poll_interval",
    "broker_rebalance_timeout",
    "broker_request_timeout",
    "broker_session_timeout",
    "consumer_auto_offset_reset",
    "consumer_max_fetch_size",
    "cython_optimizations",
    "producer_acks",
    "producer_compression_type",
    "producer_max_batch_size",
    "producer_max_request_size",
    "producer_request_timeout",
    "stream_buffer_maxsize",
    "stream_wait_empty",
    "topic_allow_declare",
    "topic_disable_leader",
    "web_enabled",
)


@pytest.mark.parametrize(("package", "expected"), VERSIONS.items())
def test_the_insides_were_read_in_the_version_that_is_installed(package: str, expected: str) -> None:
    assert version(package) == expected


@pytest.mark.parametrize(("base", "ours", "name"), OVERRIDDEN, ids=lambda one: getattr(one, "__name__", one))
def test_what_the_engine_overrides_is_there_to_be_overridden(base: type[Any], ours: type[Any], name: str) -> None:
    assert _owner(base, name) is not None, f"{base.__qualname__}.{name} is gone"
    assert name in vars(ours), f"{ours.__qualname__} no longer overrides {name}: take it off this list"


@pytest.mark.parametrize(("base", "ours", "name"), OVERRIDDEN, ids=lambda one: getattr(one, "__name__", one))
def test_an_override_can_be_called_as_the_original(base: type[Any], ours: type[Any], name: str) -> None:
    theirs, mine = inspect.getattr_static(base, name), inspect.getattr_static(ours, name)
    if not inspect.isfunction(theirs) or not inspect.isfunction(mine):
        assert type(theirs) is type(mine) or name in ("Consumer", "Producer")
        return
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(mine).parameters.values())
    assert inspect.iscoroutinefunction(theirs) == inspect.iscoroutinefunction(mine)
    for parameter in inspect.signature(theirs).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        assert takes_any or parameter.name in inspect.signature(mine).parameters, parameter


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in USED for name in names], ids=lambda one: str(one)
)
def test_what_the_engine_uses_is_there(owner: type[Any], name: str) -> None:
    assert _owner(owner, name) is not None, f"{owner.__qualname__}.{name} is gone"


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_the_app_has_kept_its_name(name: str) -> None:
    assert name in inspect.signature(faust.App.Settings.__init__).parameters or hasattr(faust.App.Settings, name)


def test_a_message_is_built_from_the_same_parts() -> None:
    assert list(inspect.signature(ConsumerMessage.__init__).parameters)[1:13] == [
        "topic",
        "partition",
        "offset",
        "timestamp",
        "timestamp_type",
        "headers",
        "key",
        "value",
        "checksum",
        "serialized_key_size",
        "serialized_value_size",
        "tp",
    ]
    assert "generation_id" in inspect.signature(ConsumerMessage.__init__).parameters


def test_a_rebalance_suspends_and_clears_what_agents_have_not_taken_before_it_waits_for_them() -> None:
    """Chunks of the old assignment must never reach a partition that was restored meanwhile."""
    source = inspect.getsource(faust.App._on_partitions_revoked)
    steps = [
        source.index(step)
        for step in ("(consumer.stop_flow", "(self.flow_control.suspend", "(self.flow_control.clear", "wait_empty")
    ]
    assert steps == sorted(steps)


def test_stopping_waits_for_agents_and_commits() -> None:
    assert "commit_and_end_transactions" in inspect.getsource(consumer.Consumer.wait_empty)
    assert "_consumer_wait_empty" in inspect.getsource(faust.App._stop_consumer)


def test_the_fetcher_makes_its_records_of_the_name_that_the_engine_replaces() -> None:
    assert issubclass(fetcher.MemoryRecords, MemoryRecords)
    assert "MemoryRecords(" in inspect.getsource(fetcher.Fetcher)


def test_the_batch_builder_takes_offset_time_key_value_headers_and_says_when_it_is_full() -> None:
    builder = BatchBuilder(200, 0)
    assert builder._builder.append(0, 5, b"key", b"value", [("h", b"1")]) is not None
    assert builder._builder.append(1, 5, b"key", b"x" * 300, []) is None
    builder._relative_offset = 1
    builder.close()

    records = list(MemoryRecords(bytes(builder._build())).next_batch())

    assert [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records] == [
        (0, 5, b"key", b"value", [("h", b"1")])
    ]


def test_our_assignor_has_every_method_that_the_group_coordinator_calls() -> None:
    for name in AbstractPartitionAssignor.__abstractmethods__ | {"assign", "metadata", "on_assignment", "name"}:
        assert name in vars(assignor.StateAssignor), f"StateAssignor.{name}"


def _owner(owner: type[Any], name: str) -> type[Any] | None:
    """The class of the hierarchy that has the name, as an attribute or as one that its methods set."""
    for one in owner.__mro__[:-1]:
        if name in vars(one) or name in getattr(one, "__annotations__", {}) or name in getattr(one, "__slots__", ()):
            return one
        try:
            source = inspect.getsource(one)
        except (OSError, TypeError):
            continue
        if f"self.{name} =" in source or f"self.{name}:" in source:
            return one
    return None
