import pytest

from ironstream.contract import Topic
from ironstream.sinks.classes import DataClass, class_of, size_s_of


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("telemetry.clean", DataClass.READINGS),
        ("events.clean", DataClass.EVENTS),
        ("alarms.clean", DataClass.ALARMS),
        ("telemetry.1s", DataClass.AGGREGATES),
        ("telemetry.90s", DataClass.AGGREGATES),
        ("telemetry.1min", DataClass.AGGREGATES),
        ("telemetry.24hour", DataClass.AGGREGATES),
        ("telemetry.raw", None),
        ("events.raw", None),
        ("alarms.raw", None),
        ("dlq.sinks", None),
        ("audit_trail", None),
        ("telemetry.0s", None),
        ("telemetry.01s", None),
        ("telemetry.1day", None),
        ("telemetry.1sec", None),
        ("xtelemetry.1s", None),
        ("telemetry.1s\n", None),
        ("telemetry.٣s", None),
        ("", None),
    ],
)
def test_a_topic_has_the_class_of_its_data_or_none(topic: str, expected: DataClass | None) -> None:
    assert class_of(topic) == expected


@pytest.mark.parametrize("size_s", [1, 10, 59, 60, 90, 600, 3600, 5400, 86_400])
def test_the_size_of_a_topic_of_aggregates_is_that_of_its_windows(size_s: int) -> None:
    assert size_s_of(Topic.aggregates(size_s)) == size_s


@pytest.mark.parametrize("topic", ["telemetry.clean", "telemetry.1day", ""])
def test_what_holds_no_aggregates_has_no_size(topic: str) -> None:
    with pytest.raises(ValueError, match="no topic of aggregates"):
        size_s_of(topic)
