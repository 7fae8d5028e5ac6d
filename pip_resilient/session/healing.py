"""What has a request been through, and what was saved?

The rule: each of these decisions leaves one event; a request that nothing
happens to has none of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient import events

if TYPE_CHECKING:
    from pip_resilient.policy.failure import Failure
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.transfer import Transfer


class Healing:
    """The troubles of one exchange.

    Args:
        exchange: The request.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._run = exchange.run
        self._interruptions = 0
        self._saved = 0

    def interrupted(self) -> None:
        """Count an attempt that failed."""
        self._interruptions += 1

    def kept(self, count: int) -> None:
        """Note how many bytes of the body a continuation did not have to bring again.

        Each byte is counted once, however many interruptions it outlived.
        """
        self._saved = max(self._saved, count)

    def begun_again(self) -> None:
        """Note that nothing of what had come is of use."""
        self._saved = 0

    def silent(self, seconds: float) -> None:
        """Note that a second connection is asked after so many seconds of silence."""
        exchange, run = self._exchange, self._run
        offset, total = exchange.reached()
        run.journal.add(
            events.SecondConnection(run.at(), exchange.place, exchange.url, seconds, offset, total)
        )

    def overtaken(self, offset: int, saved: int) -> None:
        """Note that the second connection delivered first.

        Args:
            offset: Where it took over.
            saved: Bytes that it did not have to bring again.
        """
        self._interruptions += 1
        self.kept(saved)
        exchange, run = self._exchange, self._run
        run.journal.add(events.Overtaken(run.at(), exchange.place, exchange.url, offset))

    def widened(self, connections: int, offset: int) -> None:
        """Note that more connections than ever bring this body, the newest from an offset on."""
        exchange, run = self._exchange, self._run
        total = exchange.reached()[1]
        run.journal.add(
            events.Widened(run.at(), exchange.place, exchange.url, connections, offset, total)
        )

    def lost_one(self, failure: Failure, offset: int, saved: int) -> None:
        """Note that one of several connections is lost, and the others go on.

        Args:
            failure: What happened to it.
            offset: How far it had come.
            saved: Bytes that nobody has to bring again.
        """
        self._interruptions += 1
        self.kept(saved)
        exchange, run = self._exchange, self._run
        total = exchange.reached()[1]
        run.journal.add(
            events.LostOne(run.at(), exchange.place, exchange.url, failure, offset, total)
        )

    def taken_up(self, offset: int, total: int, saved: int) -> None:
        """Note that an earlier run's download goes on.

        Args:
            offset: Where.
            total: How long the file is.
            saved: Bytes that are here, also those behind the first gap.
        """
        self.kept(saved)
        exchange, run = self._exchange, self._run
        run.journal.add(events.TakenUp(run.at(), exchange.place, exchange.url, offset, total))

    def healed(self) -> None:
        """Note that the request has ended well."""
        exchange, run = self._exchange, self._run
        if self._interruptions or self._saved:
            run.journal.add(
                events.Healed(
                    run.at(), exchange.place, exchange.url, self._interruptions, self._saved
                )
            )
        self._interruptions = self._saved = 0
        if exchange.body is not None and run.has_partials:
            self._tidy(exchange.body.transfer)

    def _tidy(self, transfer: Transfer) -> None:
        """Remove what others have brought of a file that its host has brought all of."""
        own = transfer.finished and transfer.brought == transfer.received - transfer.span.first
        for digest in transfer.named if own and transfer.aside is None else ():
            partial = self._run.partials.left_of(digest.algorithm, digest.value)
            if partial is not None:
                partial.remove()
