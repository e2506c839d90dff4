"""From pipelines to checked adapters: every fault of every pipeline is named before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from ironstream.contract import IDENTITY_PART
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import Adapter, AdapterKind
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.secrets import Redactor, resolve
from ironstream.gateway.settings import GatewaySettings
from ironstream.topology.claims import ONE_OWNER, claims_of


@dataclass(frozen=True, slots=True)
class Built:
    """A pipeline with its adapter, made and not yet connected, and what hides its secrets."""

    pipeline: PipelineSpec
    adapter: Adapter
    redact: Redactor


async def build(
    pipelines: Sequence[PipelineSpec], adapters: Mapping[str, AdapterKind], settings: GatewaySettings
) -> list[Built]:
    """Resolve secrets, validate and make the adapter of every pipeline.

    Raises ConfigurationError that names every fault of every pipeline, one a line, without any secret.
    """
    faults: list[str] = []
    built: list[Built] = []
    claimed: dict[str, str] = {}
    ids = [pipeline.id for pipeline in pipelines]
    faults += [f"pipeline {name}: the id is given twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    for pipeline in pipelines:
        faults += [f"pipeline {pipeline.id}: {fault}" for fault in _identity_faults(pipeline)]
        kind = adapters.get(pipeline.adapter)
        if kind is None:
            known = ", ".join(sorted(adapters))
            faults.append(f"pipeline {pipeline.id}: there is no adapter {pipeline.adapter!r}; there are: {known}")
            continue
        try:
            config, redact = await resolve(pipeline.config, settings)
        except ConfigurationError as error:
            faults += [f"pipeline {pipeline.id}: {line}" for line in str(error).splitlines()]
            continue
        try:
            model = kind.config_model.model_validate(config)
            adapter = kind.factory(model)
            for claim in claims_of(model):
                if (owner := claimed.setdefault(claim, pipeline.id)) != pipeline.id:
                    faults.append(f"pipeline {pipeline.id}: pipeline {owner} has {redact(claim)} too: {ONE_OWNER}")
            built.append(Built(pipeline, adapter, redact))
            if pipeline.asset_id is None:
                faults += [
                    f"pipeline {pipeline.id}: {point.parameter} has no asset: give the pipeline one, or the tag"
                    for point in adapter.points
                    if point.asset_id is None
                ]
        except ValidationError as error:
            faults += [f"pipeline {pipeline.id}: {redact(fault)}" for fault in validation_faults(error)]
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the configuration where it is named above")
    return built


def validation_faults(error: ValidationError) -> list[str]:
    """`config.tags.2.address: …` for each fault; the values themselves are not shown, one may be a secret."""
    return [
        ".".join(["config", *(str(part) for part in fault["loc"])]) + ": " + fault["msg"].removeprefix("Value error, ")
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    ]


def _identity_faults(pipeline: PipelineSpec) -> list[str]:
    faults = [
        f"{name} {value!r} must be letters, digits, '.', '_' and '-', at most 128, beginning with a letter or digit"
        for name, value in (
            ("tenant_id", pipeline.tenant_id),
            ("site_id", pipeline.site_id),
            ("asset_id", pipeline.asset_id),
        )
        if value is not None and not IDENTITY_PART.fullmatch(value)
    ]
    if not 0.001 <= pipeline.poll_interval_s <= 86_400:
        faults.append(f"poll_interval_s {pipeline.poll_interval_s:g} must be from 0.001 to 86400")
    return faults
