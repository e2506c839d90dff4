"""From a sink of topology.yaml to what its kind needs of it: secrets in their places, validated again with them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from ironstream.errors import ConfigurationError
from ironstream.gateway.build import validation_faults
from ironstream.gateway.secrets import Places, Redactor, resolve
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.sinks.sink import SinkContext, SinkKind
from ironstream.topology import SinkPart, Topology


def context_of(part: SinkPart, topology: Topology, settings: Settings) -> SinkContext:
    """What a sink is told of where it runs."""
    return SinkContext(part.id, topology.deployment.name, settings.topic_prefix, Schemas(settings.schemas))


async def configured(part: SinkPart, kind: SinkKind, places: Places) -> tuple[BaseModel, Redactor]:
    """The configuration of a sink, and what hides its secrets.

    Raises ConfigurationError that names every fault, without any secret.
    """
    try:
        config, redact = await resolve(part.config, places)
    except ConfigurationError as error:
        raise ConfigurationError(_named(part, error.message.splitlines()), error.hint) from None
    try:
        return kind.config_model.model_validate(config), redact
    except ValidationError as error:
        faults = [redact(fault) for fault in validation_faults(error)]
        # not `from error`: it holds the values, secrets among them
        raise ConfigurationError(_named(part, faults), "mend the configuration, or the secret, that is named") from None


def _named(part: SinkPart, faults: Sequence[str]) -> str:
    return "\n".join(f"sink {part.id}: {fault}" for fault in faults)
