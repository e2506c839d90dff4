"""Alarm rules: which condition, on which series, becomes which alarm."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from ironstream.topology.model.base import Glob, IdentityPart, Label, Part, PositiveSeconds, Seconds

AGGREGATE_FIELDS: Final = (
    "avg", "min", "max", "stddev", "count", "p50", "p95", "p99", "first", "last", "time_weighted_avg", "pct_good",
)  # fmt: skip
"""Fields of an aggregate that a condition can look at."""

PLACEHOLDERS: Final = ("asset", "parameter", "value", "threshold", "unit", "type")
"""What a message template may hold in braces."""

_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def _deadband(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (number and value >= 0) or (isinstance(value, str) and _PERCENT.fullmatch(value)):
        return value
    raise PydanticCustomError(
        "deadband",
        "deadband is neither a number of at least 0 nor a percentage",
        {"mend": "write a number in the parameter's unit (`2`), or a share of the threshold or span (`2 %`)"},
    )


Deadband = Annotated[
    float | str,
    BeforeValidator(_deadband),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}]}
    ),
]
Bounds = Annotated[tuple[float, float], Field(strict=False)]


StateValue = str | bool | int | float
"""A state as events carry it: a text, a number, true or false."""


class StateCondition(Part):
    """True while the last event of a type says so: one of `is`, `is_not`, or `from` and `to` (either or both)."""

    event: Label = Field(min_length=1, description="Type of the events that carry the state, as `status`.")
    is_: StateValue | None = Field(default=None, alias="is", description="True in this state.")
    is_not: StateValue | None = Field(default=None, description="True in any other state.")
    from_: StateValue | None = Field(default=None, alias="from", description="True after a change from this state.")
    to: StateValue | None = Field(default=None, description="True after a change to this state.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [self.is_ is not None, self.is_not is not None, self.from_ is not None or self.to is not None]
        if sum(forms) != 1:
            raise PydanticCustomError(
                "state_form",
                "a state condition needs one of is, is_not, or from and to",
                {"mend": "write for example `state: {event: status, is: stopped}`"},
            )
        return self


class Condition(Part):
    """When the alarm is on. Exactly one of the kinds is given; `deadband` goes with the kinds that have a threshold.

    With a deadband the alarm clears only when the value is that far back on the good side.
    """

    above: float | None = Field(default=None, description="True above this value, in the parameter's unit.")
    below: float | None = Field(default=None, description="True below this value, in the parameter's unit.")
    outside: Bounds | None = Field(default=None, description="True below the first or above the second value.")
    inside: Bounds | None = Field(default=None, description="True between the two values.")
    rate_of_change: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="True when the value changes faster than this, up or down, in units per second."
    )
    no_data_s: PositiveSeconds | None = Field(default=None, description="True when no reading came for this long.")
    quality_bad_s: PositiveSeconds | None = Field(
        default=None, description="True when no reading was better than BAD for this long."
    )
    state: StateCondition | None = Field(default=None, description="True in a state that events tell of.")
    deadband: Deadband = Field(
        default=0,
        description="How far back it clears: a number in the parameter's unit, or `2 %` of threshold or span.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in CONDITION_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            what = " and ".join(given) if given else "none of the kinds"
            raise PydanticCustomError(
                "condition_kind",
                "a condition is of exactly one kind, this one has {what}",
                {
                    "what": what,
                    "mend": f"keep one of {', '.join(CONDITION_KINDS)}; a second condition is a second alarm",
                },
            )
        return self

    @property
    def kind(self) -> str:
        """Name of the one field that is given: a member of `CONDITION_KINDS`."""
        return next(kind for kind in CONDITION_KINDS if getattr(self, kind) is not None)

    @property
    def deadband_absolute(self) -> float:
        """The deadband in the parameter's unit: a percentage is of the threshold, of the span where there are two."""
        if not isinstance(self.deadband, str):
            return float(self.deadband)
        share = float(self.deadband.rstrip("% ")) / 100
        bounds = self.outside or self.inside
        if bounds is not None:
            return share * abs(bounds[1] - bounds[0])
        return share * abs(self.above or self.below or self.rate_of_change or 0.0)


CONDITION_KINDS: Final = (
    "above", "below", "outside", "inside", "rate_of_change", "no_data_s", "quality_bad_s", "state",
)  # fmt: skip
THRESHOLD_KINDS: Final = CONDITION_KINDS[:5]


class Aggregate(Part):
    """The aggregate that a condition looks at."""

    size_s: int = Field(gt=0, description="Size of the window.")
    field: Label = Field(default="avg", description=f"One of {', '.join(AGGREGATE_FIELDS)}.")


class Alarm(Part):
    """A rule. It holds for every series whose identity matches all four patterns, each series on its own."""

    id: IdentityPart = Field(description="Name of the rule in the evidence of every alarm.")
    type: Label = Field(min_length=1, description="Type of the alarms it raises; routing and paging go by it.")
    severity: Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"] = Field(
        default="MEDIUM", description="Severity of the alarms it raises."
    )
    enabled: bool = Field(default=True, description="False: declared but not evaluated.")
    tenant: Glob = Field(default="*", description="Pattern of the tenant.")
    site: Glob = Field(default="*", description="Pattern of the site.")
    asset: Glob = Field(default="*", description="Pattern of the asset.")
    parameter: Glob = Field(default="*", description="Pattern of the parameter; not for events.")
    on: Literal["reading", "aggregate", "event"] = Field(
        default="reading", description="What the condition looks at: clean readings, an aggregate, or events."
    )
    aggregate: Aggregate | None = Field(default=None, description="Which aggregate (with `on: aggregate`).")
    condition: Condition = Field(description="When the alarm is on.")
    on_delay_s: Seconds = Field(default=0, description="The condition must hold this long before the alarm is raised.")
    off_delay_s: Seconds = Field(default=0, description="It must be gone this long before the alarm is cleared.")
    latched: bool = Field(default=False, description="True: stays after clearing until somebody acknowledges it.")
    message: Label = Field(
        default="{type}: {asset} {parameter} is {value} {unit}",
        description="Text for people, with {" + "} {".join(PLACEHOLDERS) + "}; write {{ for a brace.",
    )
