"""Configuration of the MQTT adapter.

A pipeline of topology.yaml carries this under `config:`:

    config:
      host: broker.plant
      client_id: ironstream-plant
      topics:
        - {pattern: "ironlink/{tenant}/{site}/{asset}/telemetry", format: ironstream, silence_s: 60}
        - pattern: "plant/{asset}/state"
          time: $.ts
          fields:
            - {path: $.motor.temp, name: temperature, unit: degC}
            - {path: counters.*}
      tags:
        - {name: level, topic: tank/1/level, unit: m, scale: 0.01}

or, with Sparkplug B, `sparkplug: {groups: [plant-a]}` in place of `topics`.
"""

from __future__ import annotations

from itertools import combinations
from typing import Self

from pydantic import Field, model_validator

from adapters.mqtt.connection import ConnectionConfig
from adapters.mqtt.pattern import covers, overlaps, parse_pattern
from adapters.mqtt.rules import Tag, TopicRule
from adapters.mqtt.sparkplug.config import SparkplugConfig
from ironstream.gateway.report_config import ReportConfig
from ironstream.names import twice
from ironstream.naming import Nameless


class MqttConfig(ConnectionConfig):
    """One broker: single values (`tags`), topics of one form (`topics`), or Sparkplug B (`sparkplug`)."""

    tags: tuple[Tag, ...] = Field(default=(), description="Single values, known beforehand.")
    topics: tuple[TopicRule, ...] = Field(
        default=(), description="Topics of one form; the first that fits a topic reads it, tags before all."
    )
    sparkplug: SparkplugConfig | None = Field(
        default=None, description="Sparkplug B; tags then name its metrics, and topics have a pipeline of their own."
    )
    report: ReportConfig = Field(default=ReportConfig(), description="Report by exception of values without their own.")
    max_points: int = Field(default=100_000, ge=1, description="Points that may come up; those beyond are refused.")
    browse_filter: str = Field(default="#", min_length=1, description="What `browse` listens to.")
    browse_s: float = Field(default=5.0, gt=0, description="How long `browse` listens.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [f"tag {key} is given twice" for key in twice(tag.key for tag in self.tags)]
        if not (self.tags or self.topics or self.sparkplug):
            faults.append("nothing is read: give tags, topics or sparkplug")
        if self.sparkplug is None:
            faults += [f"tag {tag.key}: metric needs `sparkplug`" for tag in self.tags if tag.metric is not None]
            faults += self._overlaps()
        else:
            faults += [f"tag {tag.key}: with sparkplug a tag needs metric" for tag in self.tags if tag.metric is None]
            if self.topics:
                faults.append("topics beside sparkplug: give them a pipeline of their own, with a session that is kept")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def claims(self) -> tuple[str, ...]:
        """The session, which a second client of that name would take away."""
        return (f"client_id {self.client_id} at {self.where} (each pipeline needs its own)",)

    @property
    def nameless(self) -> list[Nameless]:
        """Tags, and patterns of topics, whose values can have no asset."""
        tags = [Nameless(("tags", at), tag.name) for at, tag in enumerate(self.tags) if tag.asset is None]
        return tags + [
            Nameless(("topics", at), f"what {rule.pattern} reads", "the pattern a level {asset}, or the entry `asset`")
            for at, rule in enumerate(self.topics)
            if not rule.names_assets
        ]

    def _overlaps(self) -> list[str]:
        filters = [parse_pattern(rule.pattern).filter for rule in self.topics]
        return [
            f"topics {one} and {other} overlap without one holding the other: the broker would send messages twice"
            for one, other in combinations(dict.fromkeys(filters), 2)
            if overlaps(one, other) and not covers(one, other) and not covers(other, one)
        ]
