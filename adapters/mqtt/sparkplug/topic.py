"""Topics of Sparkplug B. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NAMESPACE: Final = "spBv1.0"


class Kind(StrEnum):
    """What a message says of an edge node (N) or of a device behind it (D)."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"

    @property
    def of_device(self) -> bool:
        """Whether it is of a device."""
        return self.value.startswith("D")


@dataclass(frozen=True, slots=True)
class Source:
    """An edge node, or with `device` a device behind it."""

    group: str
    node: str
    device: str | None = None

    def __str__(self) -> str:
        return "/".join(part for part in (self.group, self.node, self.device) if part)


def parse_topic(topic: str) -> tuple[Kind, Source] | None:
    """Kind and source of a message; None for topics of other kinds (commands, STATE) or no topic of Sparkplug."""
    parts = topic.split("/")
    if len(parts) not in (4, 5) or parts[0] != NAMESPACE or not all(parts) or parts[2] not in Kind.__members__:
        return None
    kind = Kind(parts[2])
    if kind.of_device != (len(parts) == 5):
        return None
    return kind, Source(parts[1], parts[3], parts[4] if len(parts) == 5 else None)


def command_topic(source: Source) -> str:
    """Where an edge node listens to commands."""
    return f"{NAMESPACE}/{source.group}/NCMD/{source.node}"


def state_topic(host_id: str) -> str:
    """Where a host application says whether it is there."""
    return f"{NAMESPACE}/STATE/{host_id}"
