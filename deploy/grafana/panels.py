"""The kinds of panels that the dashboards are made of, in one look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from grafana_foundation_sdk.builders import common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models.dashboard import Dashboard as DashboardModel
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, Panel
from grafana_foundation_sdk.models.table import Options as TableOptions

from deploy.grafana import look
from deploy.grafana.query import METRICS, STORE, Sql

GRAFANA_VERSION: Final = "13.2.3"
"""What the dashboards are made for and were checked against; newer ones migrate what they find."""
TAG: Final = "ironstream"
Columns = Mapping[str, look.Properties]


class Board:
    """A dashboard that grows row by row; panels get their numbers in order, for their links to stay."""

    def __init__(self, name: str, title: str, description: str, span: str = "now-6h") -> None:
        self._next_id = 1
        self._builder = (
            build.Dashboard(title)
            .uid(f"ironstream-{name}")
            .description(description)
            .tags([TAG])
            .time(span, "now")
            .refresh("30s")
            .timezone(words.TimeZoneBrowser)
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .link(
                build.DashboardLink("ironstream")
                .type(DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .include_vars(True)
                .keep_time(True)
            )
        )

    def variables(self, *variables: build.QueryVariable | build.CustomVariable) -> None:
        """The variables, from left to right."""
        for one in variables:
            self._builder.with_variable(one)

    def row(self, title: str) -> None:
        """A heading."""
        self._builder.with_row(build.Row(title).id(self._number()))

    def add(self, panel: AnyPanel, width: int = 24, height: int = 8) -> None:
        """A panel, right of the last one where 24 columns allow it."""
        self._builder.with_panel(panel.id(self._number()).span(width).height(height))

    def build(self) -> DashboardModel:
        """The dashboard, without what the library writes and Grafana of GRAFANA_VERSION does not know."""
        made = self._builder.build()
        for variable in (made.templating.list_val if made.templating else None) or []:
            variable.auto = variable.auto_min = variable.auto_count = None  # of variables of another type
        for panel in made.panels or []:
            if isinstance(panel, Panel) and isinstance(panel.options, TableOptions):
                panel.options.footer = None  # a property of fields by now
        return made

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id - 1


AnyPanel = table.Panel | timeseries.Panel | stat.Panel | statetimeline.Panel


def listing(title: str, description: str, sql: str, columns: Columns, empty: str = "none") -> table.Panel:
    """A table. `columns` are overrides by name; `empty` is what stands there where no row is."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(STORE)
        .with_target(Sql(sql))
        .color_scheme(look.fixed("text"))
        .no_value(empty)
        .filterable(True)
        .cell_height(words.TableCellHeight.SM)
    )
    for name, properties in columns.items():
        panel.override_by_name(name, properties)
    return panel


def numbers(title: str, description: str, sql: str, columns: Columns) -> stat.Panel:
    """The columns of one row as figures side by side."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(STORE)
        .with_target(Sql(sql))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/"))
        .graph_mode(words.BigValueGraphMode.NONE)
        .color_mode(words.BigValueColorMode.VALUE)
        .text_mode(words.BigValueTextMode.VALUE_AND_NAME)
        .thresholds(look.thresholds(base="text"))
        .color_scheme(look.by_thresholds())
    )
    for name, properties in columns.items():
        panel.override_by_name(name, properties)
    return panel


def lines(title: str, description: str, unit: str, sql: str, interval: str | None = None) -> timeseries.Panel:
    """Lines over time from the store, in greys."""
    panel = _lines(title, description, unit).datasource(STORE).with_target(Sql(sql, "time_series"))
    return panel.interval(interval) if interval else panel


def metric_lines(title: str, description: str, unit: str, queries: Iterable[Dataquery]) -> timeseries.Panel:
    """Lines over time from Prometheus, in greys."""
    return _lines(title, description, unit).datasource(METRICS).targets(list(queries))


def metric_stat(
    title: str, description: str, query: Dataquery, steps: Iterable[tuple[float, str]], unit: str = "none"
) -> stat.Panel:
    """The newest figure of Prometheus; coloured from a step on."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(METRICS)
        .with_target(query)
        .unit(unit)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(words.BigValueGraphMode.NONE)
        .color_mode(words.BigValueColorMode.VALUE)
        .thresholds(look.thresholds(*steps, base="text"))
        .color_scheme(look.by_thresholds())
        .no_value("–")
    )


def time_line(title: str, description: str, sql: str, values: Mapping[str, tuple[str, str]]) -> statetimeline.Panel:
    """Bands of states over time; `values` are the look of the numbers that stand for them."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(STORE)
        .with_target(Sql(sql, "time_series"))
        .mappings(look.mapping(dict(values)))
        .color_scheme(look.fixed(look.NONE))
        .show_value(words.VisibilityMode.NEVER)
        .merge_values(True)
        .fill_opacity(80)
        .legend(common.VizLegendOptions().show_legend(False))
    )


def _lines(title: str, description: str, unit: str) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .color_scheme(look.shades())
        .line_width(1)
        .fill_opacity(0)
        .show_points(words.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(words.LegendDisplayMode.LIST)
            .placement(words.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING))
    )
