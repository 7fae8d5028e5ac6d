"""How much was there of it all?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass
class Tally:
    """Counts of a soak; times in seconds, sizes in bytes.

    Attributes:
        had_to: Pips that had to come through, whatever happened.
        failed: Pips that failed, where they may.
        checked: Files that a plain pip was given out of the cache, or brought.
        faults: Requests that met a fault.
        outages: Times that a server refused connections.
        healed: Interruptions that armed pips say they have healed.
        longest: The longest that one pip took.
    """

    scenes: int = 0
    acts: int = 0
    pips: int = 0
    had_to: int = 0
    succeeded: int = 0
    failed: int = 0
    killed: int = 0
    interrupted: int = 0
    small_disks: int = 0
    requests: int = 0
    sent: int = 0
    faults: int = 0
    outages: int = 0
    healed: int = 0
    checked: int = 0
    longest: float = 0.0

    def add(self, other: Tally) -> None:
        """Count another one's in."""
        for one in dataclasses.fields(self):
            mine, its = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, max(mine, its) if one.name == "longest" else mine + its)

    def table(self) -> str:
        """Write it as a table, a line for each count."""
        rows = [
            ("scenes", self.scenes),
            ("acts", self.acts),
            ("pips run", self.pips),
            ("  that had to succeed", self.had_to),
            ("  that succeeded", self.succeeded),
            ("  that failed, as they may", self.failed),
            ("  killed (kill -9)", self.killed),
            ("  interrupted (Ctrl-C)", self.interrupted),
            ("  on a small disk", self.small_disks),
            ("requests", self.requests),
            ("MB sent", round(self.sent / 1e6, 1)),
            ("requests that met a fault", self.faults),
            ("outages", self.outages),
            ("interruptions healed", self.healed),
            ("files checked through the cache", self.checked),
            ("longest pip, s", round(self.longest, 1)),
        ]
        return "\n".join(f"{name:<34}{value:>10}" for name, value in rows)
