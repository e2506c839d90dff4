"""What a panel asks: SQL of the store, PromQL of Prometheus. The library has no type for the former's data source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder, runtime, variants
from grafana_foundation_sdk.models.common import DataSourceRef

POSTGRES: Final = "grafana-postgresql-datasource"
STORE: Final = DataSourceRef(type_val=POSTGRES, uid="ironstream-store")
METRICS: Final = DataSourceRef(type_val="prometheus", uid="ironstream-metrics")
"""As provisioning/datasources/ironstream.yaml names them."""

Format = Literal["table", "time_series"]
"""`time_series`: a column `time`, in order; text columns become labels (`metric` the name), the others values."""


@dataclass
class SqlModel(variants.Dataquery):
    """A query of the PostgreSQL data source as it stands in a dashboard."""

    sql: str
    format: Format
    ref_id: str

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "datasource": STORE,
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": self.ref_id,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Of what Grafana stores. Raises KeyError where a field is missing."""
        return cls(data["rawSql"], data["format"], data["refId"])


class Sql(builder.Builder[SqlModel]):
    """A query of the store; lines are kept, so that it reads well in Grafana's editor."""

    def __init__(self, sql: str, format: Format = "table", ref_id: str = "A") -> None:
        self._model = SqlModel(sql.strip(), format, ref_id)

    def build(self) -> SqlModel:
        """The query."""
        return self._model


def promql(expr: str, legend: str, ref_id: str = "A", instant: bool = False) -> prometheus.Dataquery:
    """A query of Prometheus; `legend` is its template of a series' name."""
    query = prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(ref_id).datasource(METRICS)
    return query.instant() if instant else query.range()


def register() -> None:
    """Let the library read the store's queries back from JSON."""
    runtime.register_dataquery_variant(runtime.DataqueryConfig(POSTGRES, SqlModel.from_json))
