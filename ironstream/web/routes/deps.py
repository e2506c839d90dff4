"""What routes depend on: the plant, who asks, and the page that they want."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from ironstream.contract import IDENTITY_PART
from ironstream.web.auth import Principal, Role
from ironstream.web.auth.needs import needs
from ironstream.web.plant import Plant


def plant_of(request: Request) -> Plant:
    """The plant of this process."""
    plant: Plant = request.app.state.plant
    return plant


PlantDep = Annotated[Plant, Depends(plant_of)]
Operator = Annotated[Principal, Depends(needs(Role.OPERATOR))]
Engineer = Annotated[Principal, Depends(needs(Role.ENGINEER))]
Admin = Annotated[Principal, Depends(needs(Role.ADMIN, whole=True))]
WholePlant = Annotated[Principal, Depends(needs(Role.OPERATOR, whole=True))]
"""For what belongs to all tenants."""
WholePlantEngineer = Annotated[Principal, Depends(needs(Role.ENGINEER, whole=True))]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many items.")]
Cursor = Annotated[
    str | None, Query(max_length=2000, description="`next` of the answer before; left out: from the beginning.")
]
PART = f"^{IDENTITY_PART.pattern}$"
PartOfPath = Annotated[str, Path(pattern=PART, examples=["acme"])]
Partition = Annotated[int, Path(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Path(ge=0, le=2**63 - 1)]
PartOfQuery = Annotated[str | None, Query(pattern=PART)]
