"""Configuration of the sink pagerduty."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, field_validator

from ironstream.gateway.secrets import references
from ironstream.sinks.http.config import HttpConfig, Secret
from ironstream.sinks.http.urls import place_of
from ironstream.topology.model.base import Label, Part, Seconds

PLACES: Final = ("tenant_id", "site_id", "asset_id", "parameter", "alarm_id", "occurrence_id", "type")
"""What a link may name."""
PLACE: Final = re.compile(r"\{([^{}]*)\}")


class Link(Part):
    """A link that PagerDuty shows beside the alert."""

    href: str = Field(
        min_length=1,
        max_length=2000,
        description="Address; {tenant_id}, {site_id}, {asset_id}, {parameter}, {alarm_id}, {occurrence_id} and {type} "
        "are filled in.",
    )
    text: Label = Field(description="What the link is called.")

    @field_validator("href")
    @classmethod
    def _known_places(cls, href: str) -> str:
        if not href.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// or http://")
        unknown = sorted(set(PLACE.findall(href)) - set(PLACES))
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: there is only {', '.join(PLACES)}")
        return href


class PagerDutyConfig(HttpConfig):
    """A service of PagerDuty that is paged for alarms (integration "Events API v2")."""

    routing_key: Secret = Field(description="Integration key of the service, as `${secret:name}`.")
    url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        description="Events API v2; https://events.eu.pagerduty.com/v2/enqueue for accounts of the EU region.",
    )
    min_severity: Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"] = Field(
        default="INFO", description="Alarms below this are not sent at all."
    )
    max_age_s: Seconds = Field(
        default=3600.0,
        description="An alarm that became active longer ago pages nobody (a replay, a backfill, a long outage); "
        "acknowledging and resolving have no age.",
    )
    links: tuple[Link, ...] = Field(
        default=(), strict=False, max_length=10, description="Links to show beside each alert."
    )

    def url_fields(self) -> dict[str, str]:
        """URLs by the names of their fields."""
        return {"url": self.url}

    @property
    def claims(self) -> tuple[str, ...]:
        """Two sinks must not page by one key: every alarm would be sent twice. None where the key itself is here."""
        keys = sorted(references(self.routing_key.get_secret_value()))
        return (f"the service of routing key {', '.join(keys)} at {place_of(self.url)}",) if keys else ()
