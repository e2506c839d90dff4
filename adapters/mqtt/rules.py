"""Configuration of what is read from which topic."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from adapters.mqtt.identity import names_in
from adapters.mqtt.path import parse_path
from adapters.mqtt.pattern import parse_pattern
from adapters.mqtt.times import TimeUnit
from adapters.mqtt.values import ValueType
from ironstream.gateway.report_config import ReportConfig
from ironstream.names import IdentityPart

QOS_DESCRIPTION = "Quality of service that is asked for: 1 and 2 are kept by the broker until Kafka has them."


def _path(text: str) -> str:
    parse_path(text)
    return text


def _pattern(text: str) -> str:
    parse_pattern(text)
    return text


def _topic(text: str) -> str:
    if {"+", "#", "{"} & set(text):
        raise ValueError("a tag has one topic: patterns stand under `topics`")
    return _pattern(text)


def _template(text: str) -> str:
    names_in(text)
    if not text:
        raise ValueError("a template is not empty")
    return text


Path = Annotated[str, AfterValidator(_path)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Topic = Annotated[str, AfterValidator(_topic)]
Template = Annotated[str, AfterValidator(_template)]


class ValueConfig(BaseModel):
    """How one value is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ValueType = Field(
        default=ValueType.NUMBER,
        description="number: a reading. bool (true, on, 1 …): a reading, and an event on change. text: an event. "
        "auto: what the payload makes it.",
    )
    scale: float = Field(default=1.0, description="Value = number × scale + offset.")
    offset: float = Field(default=0.0, description="Value = number × scale + offset, in `unit`.")
    unit: str | None = Field(default=None, description="Unit of the value after scale and offset.")
    event: bool | None = Field(
        default=None, description="Send an event on each change as well; left out: for states (bool) only."
    )
    report: ReportConfig | None = Field(
        default=None, description="Report by exception; left out: the `report` of the connection."
    )

    @model_validator(mode="after")
    def _scales(self) -> Self:
        if self.scale == 0:
            raise ValueError("scale 0 makes every value the same")
        if self.type in (ValueType.TEXT, ValueType.BOOL) and (self.scale != 1.0 or self.offset != 0.0):
            raise ValueError(f"scale and offset do not apply to type {self.type}")
        return self


class Tag(ValueConfig):
    """One value of one topic, known beforehand: while it does not come it is told as lost."""

    name: IdentityPart = Field(description="Name of the parameter in ironstream.")
    topic: Topic = Field(
        description="Topic without wildcards; of a Sparkplug metric: group/node, or group/node/device."
    )
    asset: IdentityPart | None = Field(default=None, description="Asset of this tag; left out: the pipeline's.")
    site: IdentityPart | None = Field(default=None, description="Site of this tag; left out: the pipeline's.")
    tenant: IdentityPart | None = Field(default=None, description="Tenant of this tag; left out: the pipeline's.")
    path: Path | None = Field(
        default=None, description="Place in the JSON payload, such as $.motor.temp; left out: the payload is the value."
    )
    metric: str | None = Field(default=None, min_length=1, description="Sparkplug: name of the metric.")
    time: Path | None = Field(
        default=None, description="Place of the time in the JSON payload; left out: when the message came."
    )
    time_unit: TimeUnit = Field(default=TimeUnit.AUTO, description="What a time that is a number counts.")
    qos: Literal[0, 1, 2] = Field(default=1, description=QOS_DESCRIPTION)
    silence_s: float = Field(
        default=0.0, ge=0, description="Not heard for this long, the value is told as lost; 0: never."
    )
    retained: Literal["take", "ignore"] = Field(
        default="take", description="Retained messages: take them as historical values, or ignore them."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.metric is not None and (self.path is not None or self.time is not None):
            raise ValueError("metric is Sparkplug's: path and time do not apply")
        if self.metric is not None and self.topic.count("/") not in (1, 2):
            raise ValueError("with metric, topic is group/node or group/node/device")
        if self.time is not None and parse_path(self.time).every:
            raise ValueError("time names one place")
        if self.path is not None and parse_path(self.path).every:
            raise ValueError("a tag has one value: * stands under `topics`")
        return self

    @property
    def key(self) -> str:
        """Tells the tag from all others of the connection."""
        return "/".join(part for part in (self.tenant, self.site, self.asset, self.name) if part)


class FieldRule(ValueConfig):
    """One value of a JSON payload, or with `*` all that are at and below a place."""

    path: Path = Field(description="Place in the payload, such as $.motor.temp or metrics.*")
    name: str | None = Field(
        default=None, min_length=1, description="Name of the parameter; left out: the path, with dots. May use {names}."
    )

    @model_validator(mode="before")
    @classmethod
    def _every_is_auto(cls, data: object) -> object:
        if isinstance(data, dict) and "type" not in data and str(data.get("path", "")).strip().endswith("*"):
            return {**data, "type": ValueType.AUTO}
        return data

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name is not None:
            names_in(self.name)
            if parse_path(self.path).every:
                raise ValueError("values under * have the names of their paths: leave name out")
        return self


class TopicRule(ValueConfig):
    """Topics of one form: what their levels say, and what is in their payloads.

    `scale`, `offset`, `unit`, `type`, `event` are those of a `scalar` payload; those of JSON stand with its fields.
    """

    pattern: Pattern = Field(
        description="Filter whose levels may have names: plant/{site}/+/{asset}/#. tenant, site, asset and parameter "
        "name those, any other can be used in the templates below."
    )
    format: Literal["json", "scalar", "ironstream"] = Field(
        default="json",
        description="json: any document. scalar: one value as text. ironstream: readings as on telemetry.raw, and the "
        "flat payload (tenant_id, site_id, machine_id, ts, status, metrics).",
    )
    qos: Literal[0, 1, 2] = Field(default=1, description=QOS_DESCRIPTION)
    tenant: Template | None = Field(default=None, description="Tenant, such as {customer}; left out: {tenant}.")
    site: Template | None = Field(default=None, description="Site, such as {area}-{line}; left out: {site}.")
    asset: Template | None = Field(default=None, description="Asset; left out: {asset}.")
    parameter: Template | None = Field(default=None, description="Parameter of a scalar; left out: {parameter}.")
    fields: tuple[FieldRule, ...] = Field(
        default=(), description="What is read of a JSON document; empty: every single value (path *)."
    )
    time: Path | None = Field(default=None, description="Place of the time in a JSON payload; left out: when it came.")
    time_unit: TimeUnit = Field(default=TimeUnit.AUTO, description="What a time that is a number counts.")
    silence_s: float = Field(
        default=0.0, ge=0, description="Values that were heard and then not for this long are told as lost; 0: never."
    )
    retained: Literal["take", "ignore"] = Field(
        default="take", description="Retained messages: take them as historical values, or ignore them."
    )
    type: ValueType = Field(default=ValueType.AUTO, description="What a scalar is taken for, see `fields`.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults: list[str] = []
        names = {name for _, name in parse_pattern(self.pattern).names}
        for field in ("tenant", "site", "asset", "parameter"):
            template = getattr(self, field)
            faults += [
                f"{field}: {{{name}}} is no level of the pattern"
                for name in sorted(names_in(template) - names if template else ())
            ]
        for rule in self.fields:
            faults += [
                f"fields: {{{name}}} is no level of the pattern"
                for name in sorted(names_in(rule.name) - names if rule.name else ())
            ]
        if self.format != "json" and (self.fields or self.time is not None):
            faults.append(f"fields and time are of format json, not of {self.format}")
        if self.format == "scalar" and self.parameter is None and "parameter" not in names:
            faults.append("a scalar needs a parameter: name a level {parameter}, or give `parameter`")
        if self.time is not None and parse_path(self.time).every:
            faults.append("time names one place")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def names_assets(self) -> bool:
        """Whether its values may have an asset of their own, by the topic or (format ironstream) by the payload."""
        if self.asset is not None or self.format == "ironstream":
            return True
        return any(name == "asset" for _, name in parse_pattern(self.pattern).names)
