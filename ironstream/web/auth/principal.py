"""Who asks, and what they may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody may do. An operator sees, and answers alarms; an engineer also changes the plant and replays dead
    letters; an admin also reads the audit trail and hands out tokens. A copilot sees what an operator sees, and changes
    nothing.
    """

    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMIN = "admin"
    COPILOT = "copilot"


_RANK: Final = {Role.OPERATOR: 1, Role.ENGINEER: 2, Role.ADMIN: 3}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks. `tenants` None: all of them. `via` says how they proved who they are."""

    name: str
    roles: frozenset[Role]
    tenants: frozenset[str] | None = None
    via: str = "local"

    @property
    def key(self) -> str:
        """The same for all that somebody sends by one way of proving who they are."""
        return f"{self.via} {self.name}"

    def sees(self, tenant: str) -> bool:
        """Whether what belongs to this tenant may be shown to them."""
        return self.tenants is None or tenant in self.tenants

    @property
    def sees_all(self) -> bool:
        """Whether what belongs to the whole plant may be shown to them."""
        return self.tenants is None

    def may(self, role: Role, *, change: bool) -> bool:
        """Whether they have this role, or one above it; where nothing is changed a copilot counts as an operator."""
        if role is Role.COPILOT or (role is Role.OPERATOR and not change):
            return bool(self.roles)
        return max((_RANK.get(one, 0) for one in self.roles), default=0) >= _RANK[role]


EVERYTHING: Final = Principal("local", frozenset(Role))
"""Whoever asks where there is no login: only on loopback."""
