"""How things look: after ISA-101, what is normal is grey, and colour is for what needs a person.

Colours are names of Grafana's theme where there are such, so that light and dark both suit.
"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import TableCellBackgroundDisplayMode, TableColoredBackgroundCellOptions

PLAIN: Final = "#8f98a8"
"""A grey that can be seen on black and on white: lines of what is measured."""
NONE: Final = "transparent"
URGENT, HIGH, MEDIUM, LOW = "red", "orange", "yellow", "purple"
"""The four priorities that a person must tell apart; nothing else has these colours."""

QUALITIES: Final = {"0": ("GOOD", NONE), "1": ("SUSPECT", MEDIUM), "2": ("UNCERTAIN", MEDIUM), "3": ("BAD", HIGH)}
SEVERITIES: Final = {
    "CRITICAL": ("CRITICAL", URGENT),
    "HIGH": ("HIGH", HIGH),
    "MEDIUM": ("MEDIUM", MEDIUM),
    "LOW": ("LOW", LOW),
    "INFO": ("INFO", NONE),
}
STATES: Final = {
    "ACTIVE": ("ACTIVE", URGENT),
    "CLEARED_UNACKED": ("CLEARED, not acknowledged", MEDIUM),
    "ACKNOWLEDGED": ("ACKNOWLEDGED", PLAIN),
    "SUPPRESSED": ("SUPPRESSED", NONE),
    "CLEARED": ("CLEARED", NONE),
}
STATE_CODES: Final = {"CLEARED": 0, "SUPPRESSED": 1, "ACKNOWLEDGED": 2, "CLEARED_UNACKED": 3, "ACTIVE": 4}
"""States as numbers for a time line, whose series must be numbers."""


def mapping(of: dict[str, tuple[str, str]]) -> list[model.ValueMapping]:
    """Values to text and colour."""
    found = {
        value: model.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(of.items())
    }
    return [model.ValueMap(options=found)]


def codes(of: dict[str, tuple[str, str]], numbers: dict[str, int]) -> dict[str, tuple[str, str]]:
    """The same look for the numbers that stand for the names."""
    return {str(number): of[name] for name, number in numbers.items()}


def thresholds(*steps: tuple[float, str], base: str = NONE) -> build.ThresholdsConfig:
    """`base` below the first step; each (from, colour) above."""
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(None, base), *(model.Threshold(value, color) for value, color in steps)])
    )


def fixed(color: str = PLAIN) -> build.FieldColor:
    """One colour for all series of a panel."""
    return build.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(color)


def shades() -> build.FieldColor:
    """Shades of grey for several series that are all normal."""
    return build.FieldColor().mode(model.FieldColorModeId.SHADES).fixed_color(PLAIN)


def by_thresholds() -> build.FieldColor:
    """The colour of the step that a value has reached."""
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


Properties = list[model.DynamicConfigValue]


def prop(name: str, value: object) -> model.DynamicConfigValue:
    """One property of an override, as `custom.width`."""
    return model.DynamicConfigValue(id_val=name, value=value)


def background() -> model.DynamicConfigValue:
    """The colour of the value fills its cell: nothing where it is normal."""
    return prop("custom.cellOptions", TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC))


def coloured(values: dict[str, tuple[str, str]], *more: model.DynamicConfigValue) -> Properties:
    """A column of names that have colours."""
    return [prop("mappings", mapping(values)), background(), *more]


def limits(*steps: tuple[float, str], unit: str = "none") -> Properties:
    """A column of numbers whose cells are filled from a step on."""
    return [
        prop("color", by_thresholds().build()),
        prop("thresholds", thresholds(*steps).build()),
        background(),
        prop("unit", unit),
    ]


def figure(*steps: tuple[float, str], unit: str = "none") -> Properties:
    """A large figure that is written in colour from a step on."""
    return [prop("thresholds", thresholds(*steps, base="text").build()), prop("unit", unit)]


def link(title: str, url: str) -> model.DynamicConfigValue:
    """A value that leads somewhere."""
    return prop("links", [{"title": title, "url": url}])


def to_asset() -> model.DynamicConfigValue:
    """A column `asset` that leads to the asset's dashboard; its site is in the column `site`."""
    return link(
        "Trends of the asset",
        "/d/ironstream-asset?${tenant:queryparam}&var-site=${__data.fields.site}&var-asset=${__value.text}"
        "&${__url_time_range}",
    )
