"""From pipelines to checked adapters: every fault of every pipeline is named before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from ironstream.claims import ONE_OWNER, claims_of
from ironstream.contract import IDENTITY_PART
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import Adapter, AdapterKind
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.secrets import Redactor, resolve
from ironstream.gateway.settings import GatewaySettings
from ironstream.names import twice
from ironstream.naming import Nameless, nameless_of


@dataclass(frozen=True, slots=True)
class Built:
    """A pipeline with its adapter, made and not yet connected, what hides its secrets, and what it takes for itself."""

    pipeline: PipelineSpec
    adapter: Adapter
    redact: Redactor
    claims: tuple[str, ...] = ()


async def build(
    pipelines: Sequence[PipelineSpec], adapters: Mapping[str, AdapterKind], settings: GatewaySettings
) -> list[Built]:
    """Resolve secrets, validate and make the adapter of every pipeline.

    Raises ConfigurationError that names every fault of every pipeline, one a line, without any secret.
    """
    built, faults = await build_each(pipelines, adapters, settings)
    if faults:
        lines = [f"pipeline {name}: {fault}" for name, of_one in faults.items() for fault in of_one]
        raise ConfigurationError("\n".join(lines), "mend the configuration where it is named above")
    return built


async def build_each(
    pipelines: Sequence[PipelineSpec],
    adapters: Mapping[str, AdapterKind],
    settings: GatewaySettings,
    claimed: dict[str, str] | None = None,
) -> tuple[list[Built], dict[str, list[str]]]:
    """As `build`, but what is wrong with some does not keep the others: the sound ones, and the faults by pipeline.

    `claimed` is what pipelines that run beside them have taken for themselves, by claim; what these take is added.
    """
    built: list[Built] = []
    faults: dict[str, list[str]] = {}
    claimed = {} if claimed is None else claimed
    for name in twice(pipeline.id for pipeline in pipelines):
        faults[name] = ["the id is given twice"]
    for pipeline in pipelines:
        made = await _build(pipeline, adapters, settings, claimed)
        if isinstance(made, list):
            faults.setdefault(pipeline.id, []).extend(made)
        elif pipeline.id not in faults:
            built.append(made)
    return built, faults


async def _build(
    pipeline: PipelineSpec, adapters: Mapping[str, AdapterKind], settings: GatewaySettings, claimed: dict[str, str]
) -> Built | list[str]:
    faults = _identity_faults(pipeline)
    kind = adapters.get(pipeline.adapter)
    if kind is None:
        return [*faults, f"there is no adapter {pipeline.adapter!r}; there are: {', '.join(sorted(adapters))}"]
    try:
        config, redact = await resolve(pipeline.config, settings)
    except ConfigurationError as error:
        return faults + str(error).splitlines()
    try:
        model = kind.config_model.model_validate(config)
        adapter = kind.factory(model)
    except ValidationError as error:
        return faults + [redact(fault) for fault in validation_faults(error)]
    except ConfigurationError as error:
        return faults + [redact(line) for line in str(error).splitlines()]
    claims = tuple(claims_of(model))
    for claim in claims:
        if (owner := claimed.setdefault(claim, pipeline.id)) != pipeline.id:
            faults.append(f"pipeline {owner} has {redact(claim)} too: {ONE_OWNER}")
    if pipeline.asset_id is None:
        nameless = nameless_of(model)
        if nameless is None:
            nameless = [Nameless((), point.parameter) for point in adapter.points if point.asset_id is None]
        faults += [f"{one.fault}: {one.mend}" for one in nameless]
    return faults or Built(pipeline, adapter, redact, claims)


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
