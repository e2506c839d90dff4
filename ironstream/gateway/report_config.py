"""How much of what is read is sent: the configuration of report by exception, the same for every adapter."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ReportMode(StrEnum):
    """When a sample that was read is sent."""

    ON_RECEIVED = "on_received"
    ON_CHANGE = "on_change"
    ON_PERIOD = "on_period"
    ON_CHANGE_OR_PERIOD = "on_change_or_period"


class SwingingDoorConfig(BaseModel):
    """Swinging door: straight lines between the sent samples are never further than `threshold` from any sample."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(gt=0, description="Largest error of the interpolated signal, in the unit of the tag.")
    min_time_s: float = Field(
        default=0.0,
        ge=0,
        description="Samples sooner than this after the last sent one are taken for noise and dropped.",
    )
    max_time_s: float = Field(default=600.0, gt=0, description="A sample is sent at least this often.")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.min_time_s >= self.max_time_s:
            raise ValueError(f"min_time_s ({self.min_time_s}) must be less than max_time_s ({self.max_time_s})")
        return self


class ReportConfig(BaseModel):
    """Report by exception of one tag.

    "More than 2 % or every 5 min" is `{mode: on_change_or_period, deadband_percent: 2, period_s: 300}`. A value that is
    not a number, and every change of quality, is sent at once whatever is set here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: ReportMode = Field(
        default=ReportMode.ON_RECEIVED,
        description="on_received: every sample. on_change: when it leaves the deadband. on_period: every period_s. "
        "on_change_or_period: whichever comes first.",
    )
    deadband: float = Field(
        default=0.0, ge=0, description="A change is more than this from the last sent value, in the unit of the tag."
    )
    deadband_percent: float = Field(
        default=0.0, ge=0, description="A change is more than this many percent of the last sent value."
    )
    period_s: float = Field(default=0.0, ge=0, description="Longest time between two sent samples; 0: no limit.")
    swinging_door: SwingingDoorConfig | None = Field(
        default=None, description="Swinging door compression in place of the deadband (modes on_change*)."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode in (ReportMode.ON_PERIOD, ReportMode.ON_CHANGE_OR_PERIOD) and self.period_s <= 0:
            raise ValueError(f"mode {self.mode} needs period_s > 0")
        if self.deadband and self.deadband_percent:
            raise ValueError("give deadband or deadband_percent, not both")
        if self.swinging_door is not None:
            if self.mode not in (ReportMode.ON_CHANGE, ReportMode.ON_CHANGE_OR_PERIOD):
                raise ValueError("swinging_door needs mode on_change or on_change_or_period")
            if self.deadband or self.deadband_percent:
                raise ValueError("swinging_door replaces deadband and deadband_percent: leave them out")
        return self
