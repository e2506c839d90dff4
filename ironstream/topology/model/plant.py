"""Tenants, sites, machine types, assets and their parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ironstream.contract import DEFAULT_PART
from ironstream.topology.model.base import IdentityPart, Label, Part, Seconds, UnitText


class Tenant(Part):
    """A tenant. Once one is declared, the readings of every other tenant are rejected."""

    id: IdentityPart = Field(description="Name in every key and record.")
    name: Label = Field(default="", description="Name for people; empty: the id.")


class Site(Part):
    """A site of a tenant."""

    id: IdentityPart = Field(description="Name in every key and record.")
    tenant: IdentityPart = Field(default=DEFAULT_PART, description="Tenant that the site belongs to.")
    name: Label = Field(default="", description="Name for people, put into clean readings; empty: the id.")


class Range(Part):
    """The values that a parameter can have."""

    min: float | None = Field(default=None, description="Lowest possible value, in the parameter's unit; empty: none.")
    max: float | None = Field(default=None, description="Highest possible value, in the parameter's unit; empty: none.")
    action: Literal["bad", "suspect"] = Field(
        default="bad", description="What a value outside becomes: bad (to the DLQ) or suspect (kept and marked)."
    )


class Parameter(Part):
    """One measured value of an asset, with what is to be checked of it."""

    name: IdentityPart = Field(description="Name in every record.")
    canonical_name: Label = Field(default="", description="Name of the same thing in other systems; empty: the name.")
    unit: UnitText | None = Field(
        default=None,
        description="Unit of the clean data; readings in another unit are converted. Empty: left as they come.",
    )
    expected_interval_s: Seconds = Field(
        default=0, description="Time between two readings; 0: that of the pipeline that delivers it, else unknown."
    )
    range: Range | None = Field(default=None, description="Possible values; empty: all.")
    max_rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Fastest possible change, in units per second; faster is suspect. Empty: not checked."
    )
    max_step: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Largest possible change between two readings; more is suspect. Empty: not checked."
    )
    stuck_after_s: Seconds = Field(default=0, description="A value unchanged for this long is suspect; 0: not checked.")
    windows_s: tuple[int, ...] | None = Field(
        default=None,
        strict=False,
        description="Window sizes of this parameter; empty: all of at least twice the expected interval.",
    )


class MachineType(Part):
    """A template for assets that are alike; an asset's own fields win over it, field by field."""

    id: IdentityPart = Field(description="Name that assets refer to; put into clean readings.")
    name: Label = Field(default="", description="Name for people; empty: the id.")
    max_readings_per_s: int = Field(
        default=0,
        ge=0,
        description="Readings per second of one asset beyond which the surplus is refused; 0: no limit.",
    )
    parameters: tuple[Parameter, ...] = Field(
        default=(), strict=False, description="Parameters that every asset of this type has."
    )


class Asset(Part):
    """A machine. Its name is unique within its site."""

    id: IdentityPart = Field(description="Name in every key and record.")
    tenant: IdentityPart = Field(default=DEFAULT_PART, description="Tenant that owns it.")
    site: IdentityPart = Field(default=DEFAULT_PART, description="Site that it stands at.")
    name: Label = Field(default="", description="Name for people; empty: the id.")
    machine_type: IdentityPart | None = Field(default=None, description="Template that it follows.")
    max_readings_per_s: int | None = Field(
        default=None,
        ge=0,
        description="Readings per second beyond which the surplus is refused; 0: no limit, empty: that of the type.",
    )
    parameters: tuple[Parameter, ...] = Field(
        default=(), strict=False, description="Its parameters, besides and over those of the machine type."
    )
