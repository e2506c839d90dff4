"""The file as a whole, with what holds for all of its assets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ironstream.topology.model.alarms import Alarm
from ironstream.topology.model.base import SECONDS_MAX, IdentityPart, Part, PositiveSeconds, Seconds
from ironstream.topology.model.pipelines import Pipeline
from ironstream.topology.model.plant import Asset, MachineType, Site, Tenant
from ironstream.topology.model.sinks import SinkPart

Share = Annotated[float, Field(ge=0, le=1)]


class Canary(Part):
    """When a canary (`ironstream apply --gateway`) is taken back by itself.

    What came since the change is compared with what came in the same time before it: only what has become worse counts.
    These limits are those of the version that holds for the whole plant.
    """

    watch_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=60, description="How long a canary is watched; a rule that is broken takes it back at once."
    )
    max_error_share: Share = Field(
        default=0.02,
        description="How much the share of readings that are refused (malformed, rate_limited, …) may grow.",
    )
    max_bad_share: Share = Field(default=0.05, description="How much the share of readings that are BAD may grow.")
    max_silent_share: Share = Field(
        default=0.1,
        description="Share of the series heard before that may fall silent, or have most of their readings refused; "
        "not those that are given up.",
    )
    silent_after_s: PositiveSeconds = Field(
        default=15,
        description="A series is silent after this time, or after three of its expected intervals or of its longest "
        "pauses before, where that is longer.",
    )
    max_lag_s: PositiveSeconds = Field(
        default=30, description="How far the workers may be behind with the readings of these assets."
    )


class Deployment(Part):
    """The deployment that this file describes."""

    name: IdentityPart = Field(default="default", description="Name for logs and pages.")
    topic_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = Field(
        default="", description="Put before the name of every topic, as `plant-a.`; empty: none."
    )
    partitions: int = Field(
        default=12, ge=1, le=1024, description="Partitions of every topic; cannot change once topics exist."
    )
    canary: Canary = Field(default=Canary(), description="When a canary is taken back by itself.")


class Times(Part):
    """How far a device's clock and its gateway's may be apart."""

    skew_suspect_s: PositiveSeconds = Field(default=5, description="More makes a reading suspect.")
    skew_event_s: PositiveSeconds = Field(default=10, description="More is told in an event too.")
    max_future_s: PositiveSeconds = Field(default=3600, description="A reading further ahead than this is bad.")
    max_past_s: PositiveSeconds = Field(default=31 * 86_400, description="A reading further behind than this is bad.")


class Window(Part):
    """A tumbling window, aligned to the epoch, that every parameter may get."""

    size_s: int = Field(gt=0, le=31 * 86_400, description="Length of the window; a multiple of the next shorter one.")
    grace_s: Seconds = Field(default=2, description="How long after its end it waits for readings that are late.")
    late_retention_s: Seconds = Field(
        default=3600, le=SECONDS_MAX, description="How long readings that are later still restate it."
    )


DEFAULT_WINDOWS = (
    Window(size_s=1, grace_s=2, late_retention_s=3_600),
    Window(size_s=10, grace_s=5, late_retention_s=6 * 3_600),
    Window(size_s=60, grace_s=10, late_retention_s=2 * 86_400),
    Window(size_s=3_600, grace_s=60, late_retention_s=14 * 86_400),
)


class Topology(Part):
    """A plant and what is to be done with its data."""

    version: Literal[1] = Field(description="Version of this format.")
    include: tuple[Annotated[str, StringConstraints(min_length=1, max_length=256)], ...] = Field(
        default=(),
        strict=False,
        max_length=100,
        description="Other files, as `assets/*.yaml`, relative to this one's folder and within it: their lists are "
        "added to those below.",
    )
    deployment: Deployment = Field(default=Deployment(), description="The deployment.")
    unregistered: Literal["accept", "reject"] = Field(
        default="accept", description="What happens to the readings of an asset that this file does not name."
    )
    times: Times = Field(default=Times(), description="Limits of clock skew.")
    windows: tuple[Window, ...] = Field(
        default=DEFAULT_WINDOWS, strict=False, min_length=1, max_length=8, description="Window sizes, shortest first."
    )
    tenants: tuple[Tenant, ...] = Field(
        default=(), strict=False, description="Tenants; empty: any is accepted, with one or more no other is."
    )
    sites: tuple[Site, ...] = Field(default=(), strict=False, description="Sites; empty: any name may be used.")
    machine_types: tuple[MachineType, ...] = Field(default=(), strict=False, description="Templates for assets.")
    assets: tuple[Asset, ...] = Field(default=(), strict=False, description="Machines.")
    pipelines: tuple[Pipeline, ...] = Field(default=(), strict=False, description="What reads the machines.")
    alarms: tuple[Alarm, ...] = Field(default=(), strict=False, description="Alarm rules.")
    sinks: tuple[SinkPart, ...] = Field(default=(), strict=False, description="Where clean data go.")
