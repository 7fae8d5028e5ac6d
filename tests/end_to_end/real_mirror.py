"""What is a mirror that is a real server, to a test?

The rule: an index to point pip at, what the server can do, and what it says that
it was asked. Nothing of it depends on which server it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

    from tests.end_to_end.own_server import OwnServer

REQUEST = r"(?P<method>GET|HEAD) (?P<path>/\S*)"
"""A request in a server's log, as part of a regular expression."""


@dataclass(frozen=True)
class Traits:
    """What a server can do.

    Attributes:
        json: Whether its project pages come in JSON (PEP 691) too.
        ranges: Whether it answers a range with 206; if not, with 200.
        etag: Whether its files have a strong ETag.
        ignores_if_range: Whether it answers a range even if If-Range names
            another file.
        metadata: Whether it serves metadata beside the files (PEP 658).
    """

    json: bool
    ranges: bool
    etag: bool
    ignores_if_range: bool
    metadata: bool


@dataclass(frozen=True)
class Asked:
    """A request as the server's own log has it; None: that log does not say it."""

    method: str
    path: str
    status: int | None = None
    range: str | None = None


@dataclass(frozen=True)
class RealMirror:
    """A running mirror: its name, its simple index, and what it can do."""

    name: str
    index_url: str
    traits: Traits
    _server: OwnServer
    _line: re.Pattern[str]

    @property
    def log(self) -> list[Asked]:
        """The GET and HEAD requests so far, by its own log."""
        found = [match.groupdict() for match in self._line.finditer(self._server.said)]
        return [
            Asked(
                each["method"],
                each["path"],
                int(each["status"]) if each.get("status") else None,
                each.get("range") or None,
            )
            for each in found
        ]

    def asked_for(self, filename: str) -> list[Asked]:
        """Return the requests for one file, or, with a project's name, for its page."""
        return [each for each in self.log if each.path.rstrip("/").endswith(f"/{filename}")]
