"""The variables of the dashboards: tenant, site, asset, parameter, each offering what the ones before leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.query import METRICS, STORE

ALL_VALUE: Final = "'*'"
"""What `All` stands for in SQL: no name can be `*`, and a list of ten thousand assets would be a slow condition."""


def _store(name: str, label: str, sql: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(STORE)
        .query(sql)
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(model.VariableSort.NATURAL_ASC)
    )


def _several(variable: build.QueryVariable, all_value: str) -> build.QueryVariable:
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).all_value(all_value).current(everything)


def chosen(column: str, variable: str) -> str:
    """Condition: the column is one of those chosen, or all are."""
    return f"('*' IN (${{{variable}:sqlstring}}) OR {column} IN (${{{variable}:sqlstring}}))"


def tenant(schema: str) -> build.QueryVariable:
    """One tenant: what belongs to different ones is never mixed."""
    return _store("tenant", "Tenant", f"SELECT DISTINCT tenant_id FROM {schema}.series ORDER BY 1")


def site(schema: str, several: bool = True) -> build.QueryVariable:
    """Sites of the tenant."""
    sql = f"SELECT DISTINCT site_id FROM {schema}.series WHERE tenant_id = ${{tenant:sqlstring}} ORDER BY 1"
    variable = _store("site", "Site", sql)
    return _several(variable, ALL_VALUE) if several else variable


def asset(schema: str, several: bool = True) -> build.QueryVariable:
    """Assets of the sites."""
    of_site = chosen("site_id", "site") if several else "site_id = ${site:sqlstring}"
    sql = (
        f"SELECT DISTINCT asset_id FROM {schema}.series\n"
        f"WHERE tenant_id = ${{tenant:sqlstring}} AND {of_site} ORDER BY 1"
    )
    variable = _store("asset", "Asset", sql)
    return _several(variable, ALL_VALUE) if several else variable


def parameter(schema: str) -> build.QueryVariable:
    """Parameters of one asset. Without `all_value`: a panel is repeated for each, so each must be named."""
    sql = (
        f"SELECT DISTINCT parameter FROM {schema}.series\n"
        "WHERE tenant_id = ${tenant:sqlstring} AND site_id = ${site:sqlstring} AND asset_id = ${asset:sqlstring}\n"
        "ORDER BY 1"
    )
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return _store("parameter", "Parameter", sql).multi(True).include_all(True).current(everything)


def resolution(names: Sequence[str]) -> build.CustomVariable:
    """How fine the trend is: by the time range, or as the person wants."""
    return (
        build.CustomVariable("resolution")
        .label("Resolution")
        .values(",".join(("auto", "raw", *names)))
        .current(model.VariableOption(selected=True, text="auto", value="auto"))
    )


def job() -> build.QueryVariable:
    """Jobs of Prometheus that scrape ironstream."""
    query = 'label_values({__name__=~"ironstream_.+"}, job)'
    variable = (
        build.QueryVariable("job")
        .label("Job")
        .datasource(METRICS)
        .query({"query": query, "refId": "job"})
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(model.VariableSort.NATURAL_ASC)
    )
    return _several(variable, ".*")
