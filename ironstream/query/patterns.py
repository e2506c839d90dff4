"""Patterns of series, as a person types them: `north-works/pump-*/temperature`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ironstream.contract import IDENTITY_PART, SeriesId
from ironstream.errors import ConfigurationError

NAMES: Final = ("tenant_id", "site_id", "asset_id", "parameter")
_PART: Final = re.compile(r"(?:[A-Za-z0-9._*?-]|\[!?[A-Za-z0-9._-]+\]){1,256}")
_MAGIC: Final = frozenset("*?[")


@dataclass(frozen=True)
class SeriesPattern:
    """Which series are meant, by a glob for each part of their names: `*` any text, `?` a character, `[ab]` one of."""

    tenant_id: str = "*"
    site_id: str = "*"
    asset_id: str = "*"
    parameter: str = "*"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`asset`, `asset/parameter`, `site/asset/parameter`, `tenant/site/asset/parameter`.

        Raises ConfigurationError for what is none of these.
        """
        parts = text.split("/")
        bad = next((part for part in parts if not _PART.fullmatch(part)), None)
        if bad is not None or len(parts) > len(NAMES):
            raise ConfigurationError(
                f"{text!r} is no pattern of series.",
                "Write ASSET, ASSET/PARAMETER, SITE/ASSET/PARAMETER or TENANT/SITE/ASSET/PARAMETER; * is any text.",
            )
        names = NAMES[2:3] if len(parts) == 1 else NAMES[-len(parts) :]
        return cls(**dict(zip(names, parts, strict=True)))

    @classmethod
    def of(cls, series: SeriesId) -> Self:
        """The pattern of one series."""
        return cls(series.tenant_id, series.site_id, series.asset_id, series.parameter)

    @property
    def parts(self) -> dict[str, str]:
        """The globs by the names of the columns."""
        return {name: getattr(self, name) for name in NAMES}

    @cached_property
    def exact(self) -> dict[str, str]:
        """Parts that are one name."""
        return {name: glob for name, glob in self.parts.items() if not _MAGIC & set(glob)}

    @cached_property
    def globs(self) -> dict[str, str]:
        """Regular expressions (of Python and of PostgreSQL alike) of parts that are neither one name nor any."""
        return {name: regex_of(glob) for name, glob in self.parts.items() if name not in self.exact and glob.strip("*")}

    @property
    def series(self) -> SeriesId | None:
        """The one series that is meant; None where it may be several."""
        return SeriesId(**self.exact) if len(self.exact) == len(NAMES) else None

    def matches(self, series: SeriesId) -> bool:
        """Whether a series is meant."""
        return all(getattr(series, name) == text for name, text in self.exact.items()) and all(
            re.search(regex, getattr(series, name)) for name, regex in self.globs.items()
        )

    def matches_tenant(self, tenant: str) -> bool:
        """Whether series of a tenant may be meant."""
        regex = self.globs.get("tenant_id", "")
        return self.exact.get("tenant_id", tenant) == tenant and re.search(regex, tenant) is not None

    def of_table(self, table: pa.Table) -> pa.Table:
        """The rows that are meant. A row without a parameter is meant by no pattern of parameters but `*`."""
        for name in (*self.exact, *self.globs):
            column = table[name].unify_dictionaries().combine_chunks()
            names = column.dictionary.to_pylist()
            if name in self.exact:
                codes = [code for code, one in enumerate(names) if one == self.exact[name]]
            else:
                codes = [code for code, one in enumerate(names) if re.search(self.globs[name], one)]
            if len(codes) < len(names) or column.null_count:
                found = np.asarray(pc.fill_null(pc.is_in(column.indices, pa.array(codes, column.indices.type)), False))
                table = table.filter(pa.array(found & ~np.asarray(column.is_null())))
        return table


def regex_of(glob: str) -> str:
    """A glob of a part as a regular expression of the whole part."""
    made = []
    for sign in re.findall(r"\[!?[^\]]+\]|.", glob):
        match sign[0]:
            case "*":
                made.append(".*")
            case "?":
                made.append(".")
            case "[" if len(sign) > 1:
                made.append("[^" + sign[2:] if sign[1] == "!" else sign)
            case _:
                made.append("[.]" if sign == "." else sign)
    return f"^{''.join(made)}$"


def is_name(part: str) -> bool:
    """Whether it is the name of a tenant, site, asset or parameter."""
    return IDENTITY_PART.fullmatch(part) is not None
