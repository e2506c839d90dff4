"""The types that every part of the model is made of."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ironstream.names import IdentityPart as IdentityPart

SECONDS_MAX: Final = 10 * 366 * 86_400
"""Longest time that a field takes (ten years): far below the int64 microseconds that the stages count in."""


class Part(BaseModel):
    """Base of every part: unknown fields are refused, values are not converted, objects do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )


Glob = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""A pattern of a name: `*` any text, `?` any character, `[ab]` one of several. Case counts."""

Seconds = Annotated[float, Field(ge=0, le=SECONDS_MAX)]
PositiveSeconds = Annotated[float, Field(gt=0, le=SECONDS_MAX)]
Label = Annotated[str, StringConstraints(max_length=256)]
UnitText = Annotated[str, StringConstraints(min_length=1, max_length=32)]
