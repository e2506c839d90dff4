"""Configuration of Sparkplug B."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from adapters.mqtt.identity import names_in

NAMES: Final = frozenset({"group", "node", "device", "metric"})

Id = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^+/#]+$")]


def _template(text: str) -> str:
    if unknown := names_in(text) - NAMES:
        raise ValueError(f"{{{min(unknown)}}} is none of {{group}}, {{node}}, {{device}}, {{metric}}")
    if not text:
        raise ValueError("a template is not empty")
    return text


Template = Annotated[str, AfterValidator(_template)]


class SparkplugConfig(BaseModel):
    """Which edge nodes are heard, and what their metrics are called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[Id, ...] = Field(default=(), description="Groups that are heard; empty: all of the broker.")
    host_id: Id | None = Field(
        default=None,
        description="Id under which edge nodes are told that their primary host is there (STATE); empty: they are not.",
    )
    tenant: Template | None = Field(default=None, description="Tenant, such as {group}; left out: the pipeline's.")
    site: Template | None = Field(default=None, description="Site, such as {group}; left out: the pipeline's.")
    asset: Template = Field(default="{device}", description="Asset of the metrics of a device.")
    node_asset: Template = Field(default="{node}", description="Asset of an edge node's own metrics.")
    parameter: Template = Field(default="{metric}", description="Parameter of a metric; its / become dots.")
    only_tags: bool = Field(default=False, description="Read only the metrics that `tags` name.")
    rebirth: bool = Field(
        default=True, description="Ask an edge node for its birth when something of it is not known or was lost."
    )
    rebirth_interval_s: float = Field(
        default=10.0, gt=0, description="Shortest time between two such requests to a node."
    )
    reorder_timeout_s: float = Field(
        default=2.0, gt=0, description="How long a message that came too early waits for those before it."
    )
    max_reorder: int = Field(default=64, ge=0, le=255, description="How many such messages of a node are kept.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "device" in names_in(self.node_asset):
            raise ValueError("node_asset: an edge node's own metrics have no {device}")
        return self
