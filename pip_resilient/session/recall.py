"""What of a file has an earlier run left, and does the host give the rest?

The rule: only of a file whose digest is known, and only the first attempt asks
for the rest alone. An answer that is not exactly that rest is not joined to
anything: then the file is asked for whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pip_resilient.policy import ranges
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.spans import Span
from pip_resilient.session.aside import Aside
from pip_resilient.session.outcome import Broken

if TYPE_CHECKING:
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.store.partials import Partial


class Recall:
    """What is there of one file, from an earlier run.

    Args:
        exchange: pip's request for it.
        partial: What is there of it.
    """

    def __init__(self, exchange: Exchange, partial: Partial) -> None:
        self._exchange = exchange
        self.size = partial.size
        self.aside = Aside(partial)
        self.offset = self.aside.beginning()
        self._end = self.aside.next_known(self.offset)

    def headers(self) -> dict[str, str]:
        """Return what asks for the rest; its digest proves that it belongs to the beginning."""
        asked = ranges.range_header(self.offset, self._end)
        return {"Range": asked, "Accept-Encoding": "identity"}

    def rest(self, up: Any) -> Span | None:
        """Make pip's answer of an answer that brings the rest; None where it brings the whole.

        Returns:
            The whole file, which pip gets.

        Raises:
            Broken: It is neither.
        """
        if up.status == 200:
            self.aside.close()  # what is whole needs no beginning
            return None
        span = Span(0, self.size, self.size)
        asked = span._replace(end=self._end or self.size)
        verdict = ranges.judge(up.status, up.headers, self.offset, asked, None)
        if not isinstance(verdict, ranges.Join):
            up.close()
            self.aside.close()
            why = verdict.why if isinstance(verdict, ranges.Refuse) else "not the rest"
            raise Broken(Failure(Kind.GARBLED, why))
        up.status, up.reason = 200, "OK"
        up.headers["Content-Length"] = str(self.size)
        del up.headers["Content-Range"]
        up.length_remaining = self.size
        here = sum(last - first for first, last in self.aside.known())
        self._exchange.healing.taken_up(self.offset, self.size, min(here, self.size - 1))
        return span
