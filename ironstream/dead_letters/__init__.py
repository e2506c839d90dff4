"""Dead letters: records that were refused. Counted, paged from the newest on, and given to the agents once more."""

from typing import Final

from ironstream.contract import Topic

TOPICS: Final = (Topic.DLQ_TELEMETRY, Topic.DLQ_EVENTS, Topic.DLQ_ALARMS, Topic.DLQ_SINKS, Topic.DLQ_OVERFLOW)
