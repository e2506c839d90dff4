"""Configuration of the alarms that are taken over from a server."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ironstream.names import IdentityPart


class SeverityMap(BaseModel):
    """From which severity (1 to 1000) on an alarm is what; below all of them it is INFO."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    critical: int = Field(default=801, ge=1, le=1000, description="CRITICAL from here on.")
    high: int = Field(default=601, ge=1, le=1000, description="HIGH from here on.")
    medium: int = Field(default=401, ge=1, le=1000, description="MEDIUM from here on.")
    low: int = Field(default=201, ge=1, le=1000, description="LOW from here on.")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.critical > self.high > self.medium > self.low:
            raise ValueError("critical must be above high, high above medium, medium above low")
        return self


class AlarmSource(BaseModel):
    """A node whose alarms and conditions are taken over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notifier: str = Field(default="i=2253", min_length=1, description="The node that notifies; default: the Server.")
    asset: IdentityPart | None = Field(default=None, description="Asset of its alarms; empty: the pipeline's.")
    assets: dict[str, IdentityPart] = Field(
        default_factory=dict, description="Asset by SourceName, where several machines notify through one node."
    )
    severity: SeverityMap = Field(default=SeverityMap(), description="The server's 1 to 1000 to our five.")
    events: IdentityPart | None = Field(
        default=None, description="Parameter under which all other events are sent as text; left out: they are not."
    )

    @property
    def nameless(self) -> str:
        """What of it can have no asset but the pipeline's; empty: nothing."""
        if self.asset is not None:
            return ""
        # `assets` names those of alarms alone
        return "other events" if self.assets and self.events else "" if self.assets else "alarms"
