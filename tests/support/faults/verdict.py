"""The verdict on a deployment: source, logs, topics and tables must all agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from typing import TYPE_CHECKING

from tests.support.faults import compare
from tests.support.faults.compare import Differences, processed_before
from tests.support.faults.journal import Journal
from tests.support.faults.load import key_of
from tests.support.faults.oracle import Logged, oracle_of
from tests.support.faults.plant import EVENT_ALARMS, PARAMETERS, asset_name
from tests.support.faults.source import partition_of
from tests.support.faults.state import Snapshot, compare_tables, read_tables
from tests.support.oracle.events import EventsOracle
from tests.support.oracle.telemetry import Oracle, Place

if TYPE_CHECKING:
    from tests.support.faults.deployment import Deployment


async def judge(on: Deployment, log: list[Logged], expired: Set[Place] = frozenset()) -> str:
    """Compare all that there is with the oracles, which are fed `log` (telemetry.raw); returns a summary.

    Of what was acknowledged only `expired` may be missing from the log. Raises AssertionError that shows what differs.
    """
    differences = Differences()
    partitions = list(range(on.settings.partitions))
    keys = [key_of(asset_name(number)) for number in range(on.assets)]
    declared: defaultdict[int, list[str]] = defaultdict(list)
    for key in keys:
        declared[partition_of(key, partitions)] += [f"{key.decode()}/{parameter}" for parameter in PARAMETERS]
    assert {record.key for record in log} >= set(keys), "every asset must have spoken"
    processed = {topic: await on.processed(topic) for topic in ("telemetry.raw", "events.raw", "alarms.raw")}
    oracle, events, journal, wanted = oracle_of(on.assets, declared), EventsOracle(EVENT_ALARMS), Journal(), Snapshot()
    feed_telemetry(oracle, log, processed["telemetry.raw"], wanted)
    events_log, alarms_log = await on.read("events.raw"), await on.read("alarms.raw")
    feed_signals(events, events_log, journal, alarms_log, processed, wanted)
    for topic, there in (("telemetry.raw", log), ("events.raw", events_log), ("alarms.raw", alarms_log)):
        for lost in on.ledger.missing(topic, there, expired):
            differences.add(f"acknowledged, but not in {topic}", lost)

    clean_events = await on.read("events.clean")
    kinds = {"gap", "clock_skew", "rate_limited", "too_late"}
    outputs = {
        "clean": await on.read("telemetry.clean"),
        "dlq": await on.read("dlq.invalid_telemetry"),
        "1": await on.read("telemetry.1s"),
        "10": await on.read("telemetry.10s"),
        "alarms": [one for one in alarms_log if _id(one).startswith("condition/")],
        "events": [one for one in clean_events if _id(one).split("/")[0] in kinds],
        "statuses": [one for one in events_log if _id(one)],
    }
    due = processed_before(processed["telemetry.raw"])
    compare.telemetry(oracle.expected, log, outputs, due, differences)
    of_events = {
        "events": [one for one in clean_events if _id(one).split("/")[0] not in kinds],
        "dlq": await on.read("dlq.invalid_events"),
        "alarms": [one for one in alarms_log if _id(one) and not _id(one).startswith("condition/")],
    }
    compare.events(events, events_log, of_events, processed_before(processed["events.raw"]), differences)
    of_alarms = {
        "journal": await on.read("alarms.clean"),
        "audit": await on.read("audit_trail"),
        "dlq": await on.read("dlq.invalid_alarms"),
    }
    compare.journal(journal, alarms_log, of_alarms, processed_before(processed["alarms.raw"]), differences)
    compare_tables(wanted, await read_tables(on.settings), differences)
    expected = oracle.expected
    _account(oracle, log, differences)
    sent = on.ledger.readings()
    summary = (
        f"{len(on.ledger.entries)} records sent ({len(sent)} readings by seq), {len(log)} in telemetry.raw: "
        f"{len(expected.clean)} readings clean + {len(expected.duplicates)} duplicates, "
        f"{len(expected.refused)} records refused, {len(expected.controls)} control; "
        f"{len(expected.windows)} windows, {len(expected.changes) + len(events.changes)} changes of conditions, "
        f"{len(expected.events) + len(events.clean)} events, {sum(map(len, journal.entries.values()))} transitions, "
        f"{len(journal.outcomes)} commands; repeats: {len(outputs['clean']) - len(expected.clean)} clean, "
        f"{journal.repeats} conditions; faults: {dict(on.faults)}"
    )
    assert not differences, f"{summary}\n{differences}"
    return summary


def feed_telemetry(oracle: Oracle, log: list[Logged], processed: dict[int, int], wanted: Snapshot) -> None:
    """Feed the oracle, and take what the tables must hold where the state of each partition stands."""
    taken: set[int] = set()
    for record in log:
        if record.partition not in taken and record.offset >= processed.get(record.partition, 0):
            taken.add(record.partition)
            wanted.telemetry(oracle, record.partition)
        oracle.feed(record)
    for partition in {record.partition for record in log} - taken:
        wanted.telemetry(oracle, partition)


def feed_signals(
    events: EventsOracle,
    events_log: list[Logged],
    journal: Journal,
    alarms_log: list[Logged],
    processed: dict[str, dict[int, int]],
    wanted: Snapshot,
) -> None:
    """Feed the other two oracles, with a look at them where the state stands."""
    before = processed["events.raw"], processed["alarms.raw"]
    for late in (False, True):
        for record in events_log:
            if (record.offset >= before[0].get(record.partition, 0)) == late:
                events.feed(record)
        for record in alarms_log:
            if (record.offset >= before[1].get(record.partition, 0)) == late:
                journal.feed(record)
        if not late:
            wanted.signals(events, journal)


def _account(oracle: Oracle, log: list[Logged], differences: Differences) -> None:
    """Every record of the log must end as something, and every reading as exactly one thing."""
    expected = oracle.expected
    told = {place[:2] for place in expected.clean} | {place[:2] for place in expected.duplicates}
    told |= expected.refused.keys() | expected.controls | expected.statuses.keys()
    for record in log:
        if (record.partition, record.offset) not in told:
            differences.add("readings: not accounted for", record)
    for place in expected.clean.keys() & expected.duplicates.keys():
        differences.add("readings: accounted for twice", place)


def _id(record: Logged) -> str:
    return record.headers.get("ironstream-id", b"").decode()
