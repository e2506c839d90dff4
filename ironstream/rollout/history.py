"""What the log of topologies comes to. Pure: the same entries in the same order lead to the same history."""

from __future__ import annotations

from dataclasses import dataclass, field

from ironstream.rollout.records import Change, Entry, Proposal, Version


@dataclass(slots=True)
class History:
    """Versions by number, and the changes in their order."""

    versions: dict[int, Version] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    proposal: Proposal | None = None

    def add(self, entry: Entry) -> bool:
        """Take the next entry; whether it counts. One that another was faster than does not, nor does a change to a
        version that nobody wrote.
        """
        match entry:
            case Version():
                return self.versions.setdefault(entry.number, entry) == entry
            case Change():
                if entry.number != self.next_change or entry.version not in self.versions:
                    return False
                self.changes.append(entry)
                return True
        self.proposal = entry
        return True

    @property
    def current(self) -> Change | None:
        """The change that holds; None before the first."""
        return self.changes[-1] if self.changes else None

    @property
    def version(self) -> Version | None:
        """The version that holds; None before the first."""
        return self.versions[self.changes[-1].version] if self.changes else None

    @property
    def next_version(self) -> int:
        """Number for a version that is to be written."""
        return max(self.versions, default=0) + 1

    @property
    def next_change(self) -> int:
        """Number for a change that is to be written."""
        return len(self.changes) + 1

    def of_text(self, sha256: str) -> Version | None:
        """The newest version with this text, which needs no other number. A canary's text is nobody's own."""
        found = (self.versions[number] for number in sorted(self.versions, reverse=True))
        return next((one for one in found if one.sha256 == sha256 and one.gateway is None), None)

    def before(self) -> Version | None:
        """What a rollback goes back to: the last version that held for everyone and is another than the present one.

        A canary is no such version, and a rollback of a rollback goes further back, not to and fro.
        """
        held: list[int] = []
        for change in self.changes:
            if change.action == "rollback" and change.version in held:
                del held[held.index(change.version) + 1 :]
            elif not held or held[-1] != change.version:
                held.append(change.version)
        older = [number for number in held[:-1] if self.versions[number].gateway is None]
        return self.versions[older[-1]] if older else None
