"""What do urllib3 and pip's cache ask of a body?

The rule: what stands in the place of http.client's response
(`urllib3.HTTPResponse._fp`) answers to all that the layers above ask, as seen
on pip 20.3 to 26.3: `read`, `closed`, `isclosed`, `close`, `flush`, and `fp`,
which is None once all is delivered.
"""

from __future__ import annotations

_GATHERED = 256 * 1024


class Stream:
    """A body; `read` and `delivered` are for those that have the bytes.

    Attributes:
        closed: Whether nobody wants more of it.
    """

    closed = False

    def read(self, amt: int | None = None) -> bytes:
        """Return up to `amt` bytes, b"" at the end."""
        raise NotImplementedError

    def delivered(self) -> bool:
        """Tell whether every byte has been handed over, and no more will come."""
        raise NotImplementedError

    def read1(self, amt: int = -1) -> bytes:
        """Return some bytes, as `http.client.HTTPResponse.read1`."""
        return self.read(amt if amt >= 0 else _GATHERED)

    @property
    def fp(self) -> Stream | None:
        """None once all is delivered: then pip's cache stores it (cachecontrol, filewrapper)."""
        return None if self.isclosed() else self

    def isclosed(self) -> bool:
        """Tell whether there is nothing more to read."""
        return self.closed or self.delivered()

    def flush(self) -> None:
        """Do nothing: there is nothing to write."""
