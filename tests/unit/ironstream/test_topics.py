"""The table of topics, without a broker."""

from __future__ import annotations

from ironstream.contract import Topic
from ironstream.settings import Settings
from ironstream.topics import DAY_MS, HOUR_MS, changelog_topic, topic_specs

SPECS = {spec.name: spec for spec in topic_specs(Settings(topic_prefix="p."), (1, 10, 60, 3600))}


def test_every_topic_of_the_contract_is_there_with_the_prefix() -> None:
    names = {value for name, value in vars(Topic).items() if name.isupper()}

    assert {f"p.{name}" for name in names} <= set(SPECS)


def test_all_topics_have_the_same_number_of_partitions() -> None:
    assert {spec.partitions for spec in SPECS.values()} == {12}


def test_retention_is_that_of_the_specification() -> None:
    days = {
        name: int(spec.config["retention.ms"]) / DAY_MS for name, spec in SPECS.items() if "retention.ms" in spec.config
    }

    assert days["p.telemetry.raw"] == 1
    assert days["p.telemetry.clean"] == days["p.telemetry.1s"] == 7
    assert days["p.telemetry.10s"] == days["p.alarms.raw"] == days["p.dlq.sinks"] == 30
    assert days["p.telemetry.1min"] == 90
    assert days["p.telemetry.1hour"] == 2 * 365
    assert days["p.alarms.clean"] == days["p.audit_trail"] == 7 * 365


def test_a_segment_never_outlives_the_retention_of_its_topic() -> None:
    for spec in SPECS.values():
        if "retention.ms" in spec.config:
            assert int(spec.config["segment.ms"]) < int(spec.config["retention.ms"])


def test_only_raw_topics_and_statuses_are_stamped_by_the_broker() -> None:
    stamped = {name for name, spec in SPECS.items() if spec.config.get("message.timestamp.type") == "LogAppendTime"}

    assert stamped == {"p.telemetry.raw", "p.events.raw", "p.alarms.raw", "p.config.status"}


def test_a_changelog_keeps_unconfirmed_rows_apart_from_confirmed_ones_for_an_hour() -> None:
    for agent in ("telemetry", "events", "alarms"):
        config = SPECS[f"p.{changelog_topic(agent)}"].config
        assert config["cleanup.policy"] == "compact"
        assert int(config["min.compaction.lag.ms"]) >= HOUR_MS


def test_with_three_copies_what_is_acknowledged_is_on_two_brokers() -> None:
    def in_sync(replication: int) -> set[str]:
        specs = topic_specs(Settings(replication=replication), (1,))
        return {spec.config["min.insync.replicas"] for spec in specs}

    assert (in_sync(1), in_sync(3)) == ({"1"}, {"2"})


def test_the_topology_is_kept_for_ever() -> None:
    assert SPECS["p.config.topology"].config["cleanup.policy"] == "compact"


def test_a_window_size_named_twice_makes_one_topic() -> None:
    assert len(topic_specs(Settings(), (60, 60))) == len(topic_specs(Settings(), (60,)))
