"""How is the rest of a broken body asked for?

The rule: by Range with the validator that proves the file is still the same;
where that is not possible, the whole again, its beginning compared with what
has come. A page, which no digest vouches for, is continued by its strong ETag
alone; without one the exchange asks for it anew. Where a redirect led to the
file and its target no longer answers (a signed URL may have expired), the way
is walked again from its first hop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from pip_resilient import events, messages
from pip_resilient.policy import ranges
from pip_resilient.policy.digests import normalised
from pip_resilient.policy.disclosure import MOST_HOPS, REDIRECTS, Given, carried
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import same_origin
from pip_resilient.policy.patience import WHOLE_FETCHES
from pip_resilient.policy.spans import Span, encoding_of
from pip_resilient.session import translate
from pip_resilient.session.lane import Lane, is_chunked, lane_for
from pip_resilient.session.outcome import Broken, Failed, GivenUp, Surprise

if TYPE_CHECKING:
    from pip_resilient.policy.digests import Mismatch
    from pip_resilient.session.spool import Spool
    from pip_resilient.session.transfer import Transfer

_GONE = (401, 403, 404, 410)


class Unanswered(Exception):
    """A request of ours brought no answer; carries what pip's stack raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Changed(Exception):
    """The server has another file by now; carries what says so."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.said)
        self.failure = failure


class Continuation:
    """Asks for the rest of one transfer.

    Args:
        transfer: What has come so far.
        validator: Proves that the file is the same, or None.
        digest_known: Whether the end will show if bytes were joined wrongly.
        up: urllib3's first response.

    Attributes:
        may_range: Whether the rest alone may be asked for.
    """

    def __init__(
        self, transfer: Transfer, validator: str | None, digest_known: bool, up: Any
    ) -> None:
        self._transfer = transfer
        self._exchange = transfer.exchange
        self._run = transfer.run
        self._validator = validator
        # A request that pip itself made for a range has no beginning to fetch again.
        self._must_range = "Range" in self._exchange.request.headers
        self._encoding = encoding_of(up.headers)
        # What is made while it is sent may differ each time, a page more so than
        # a file; a strong ETag says that it does not.
        fixed = transfer.streams and not is_chunked(up) and (validator is not None or digest_known)
        self.may_range = self._must_range or (
            not self._exchange.again and (fixed or ranges.is_strong_etag(validator))
        )
        self._digest_known = digest_known
        self._sized = "Content-Length" in up.headers
        self._wholes = 1
        self._ended_at: int | None = None
        self._last: Failure | None = None

    def after(self, failure: Failure) -> Lane | Spool:
        """Return a lane for the rest, however often it takes to ask; or the rest, from elsewhere.

        Raises:
            Exception: pip's own: nothing more is tried, or the file changed.
            GivenUp: Nothing more is tried for a page.
            Broken: A page changed or is refused: it is asked for from the start again.
        """
        exchange, run = self._exchange, self._run
        offset, failed_at = self._transfer.received, run.clock.now()
        if failure.kind is Kind.CRAWL and exchange.attempts > 1:
            failure = self._last or failure  # what ends it each time is why so little comes
        first = failure
        while True:
            rest = exchange.detour.rest(self._transfer, failure, exchange.attempts)
            if rest is not None:
                return rest
            self._back_off(failure, offset)
            exchange.attempts += 1
            try:
                with run.dialer.ask(fresh=True, watch=exchange.watch()):
                    answer = self.ask(offset, self._transfer.next_known(offset))
            except Unanswered as unanswered:
                failure = translate.failure_of(unanswered.error, exchange.proxy())
                continue
            except Changed as changed:
                raise self.changed(changed.failure) from None
            if isinstance(answer, Failure):
                failure = answer
                continue
            whole = answer.position != offset
            if not whole:
                exchange.healing.kept(offset - self._transfer.span.first)
            run.journal.add(
                events.Resumed(
                    run.at(),
                    exchange.place,
                    exchange.url,
                    first,
                    offset,
                    self._transfer.span.end,
                    whole,
                    run.clock.now() - failed_at,
                )
            )
            return answer

    def _back_off(self, failure: Failure, offset: int) -> None:
        self._last = failure
        try:
            self._exchange.back_off(Failed(failure), offset)
        except GivenUp:
            if not self._transfer.streams:
                raise
            where = messages.progress(offset, self._transfer.span.end)
            raise self._run.stack.failed(
                f"{self._exchange.place}: {failure.said} at {where}, and it did not come back"
            ) from None

    def ask(self, offset: int, end: int | None = None) -> Lane | Failure:
        """Ask once for bytes that are wanted; also called in an opener's thread.

        Args:
            offset: Of the first of them.
            end: Offset behind the last one; None: all that follow.

        Raises:
            Unanswered: No answer came.
            Changed: The server has another file by now.
            Broken: A page is refused: pip is to get that answer.
        """
        transfer, exchange = self._transfer, self._exchange
        by_range = self._must_range or (self.may_range and offset > transfer.span.first)
        extra = {}
        if by_range:
            last = transfer.span.end if self._must_range else None
            extra["Range"] = ranges.range_header(offset, last if end is None else end)
            if self._validator is not None:
                extra["If-Range"] = self._validator
        up = self._send(exchange, exchange.request.url, extra)
        first_hop = self._first_hop()
        if up.status in _GONE and first_hop is not None:
            up.close()
            up = self._walk(first_hop, extra)
        if up.status not in (200, 206):
            return self._not_usable(up)
        return self._judge(up, offset if by_range else 0, end)

    def _judge(self, up: Any, offset: int, end: int | None) -> Lane | Failure:
        transfer = self._transfer
        verdict = ranges.judge(
            up.status,
            up.headers,
            offset,
            transfer.span if end is None else transfer.span._replace(end=end),
            self._validator,
            self._encoding,
            exact=not transfer.streams,
        )
        if isinstance(verdict, ranges.Join):
            return lane_for(up, Span(offset, verdict.end, transfer.span.total))
        if isinstance(verdict, ranges.Whole) and not self._must_range:
            self._wholes += transfer.received > transfer.span.first  # else nothing is repeated
            if self._wholes <= WHOLE_FETCHES or not transfer.streams:  # patience bounds pages
                end = transfer.span.end if verdict.length is None else verdict.length
                lane = lane_for(up, Span(0, end, end))
                lane.prefix = transfer.verification.afresh()
                return lane
            up.close()
            if transfer.span.end is not None and not self._sized:  # as an index says (PEP 700)
                raise Changed(Failure(Kind.CHANGED, "it has not the size that its index names"))
            return Failure(Kind.STACK, f"fetched whole {WHOLE_FETCHES} times without an end")
        up.close()
        why = verdict.why if isinstance(verdict, ranges.Refuse) else "the whole came for a range"
        if isinstance(verdict, ranges.Refuse) and not verdict.drop_range and not self._digest_known:
            raise Changed(Failure(Kind.CHANGED, why))
        self.may_range = self.may_range and self._must_range
        return Failure(Kind.GARBLED, why)

    def _not_usable(self, up: Any) -> Failure:
        up.close()
        if up.status == 416:
            self.may_range = self._must_range
        failure = translate.failure_of_status(up.status, up.headers, self._exchange.proxy())
        refused = Failure(Kind.STATUS, status=up.status)
        if failure is None and up.status != 416 and not self._transfer.streams:
            raise Broken(refused)  # pip itself knows what a 404 says of a page
        return failure or refused

    def _send(self, like: Any, url: str, extra: dict[str, str]) -> Any:
        """Send a request like that of an exchange, with what may go to this URL."""
        request = like.request.copy()
        request.url = url
        given = Given(like.request.url, like.request.headers, like.options.cert)
        headers, cert = carried(given, url, extra)
        request.headers = type(like.request.headers)(headers)
        options = like.options._replace(cert=cert).within(self._exchange.time_left())
        try:
            return like.adapter.for_url(url).send_raw(request, options)
        except Surprise:
            raise
        except Exception as error:  # everything of theirs, told apart by the table
            raise Unanswered(error) from error

    def _first_hop(self) -> Any:
        hop = self._run.hops.get(normalised(self._exchange.request.url))
        for _ in range(MOST_HOPS):
            before = self._run.hops.get(normalised(hop.request.url)) if hop else None
            if before is None:
                return hop
            hop = before
        return hop

    def _walk(self, first_hop: Any, extra: dict[str, str]) -> Any:
        """Follow the redirects again, each hop with what was given for its own host."""
        like, url = first_hop, first_hop.request.url
        for _ in range(MOST_HOPS):
            up = self._send(like, url, extra)
            location = up.headers.get("Location")
            if up.status not in REDIRECTS or not location:
                return up
            up.close()
            before, url = url, _joined(url, location)
            if before.startswith("https:") and not url.startswith("https:"):
                raise Unanswered(ValueError("a redirect leads from https to plain http"))
            if same_origin(url, self._exchange.request.url):
                like = self._exchange
        raise Unanswered(ValueError("too many redirects"))

    def wrong_bytes(self, mismatch: Mismatch) -> Exception:
        """Return what ends a body whose bytes fail a hash; the file is asked for once more.

        What was put aside of it is thrown away. Nobody is blamed where an
        earlier run had left some of that.

        Args:
            mismatch: What does not hold.
        """
        exchange, run, digest = self._exchange, self._run, mismatch.digest
        aside = self._transfer.aside
        spoilt = aside is not None and aside.from_disk
        if aside is not None:
            aside.discard()
        if not spoilt:
            run.dialer.blame()
        final = not spoilt and (exchange.again or run.download.link is None)
        run.journal.add(
            events.RightBytesAgain(
                run.at(),
                exchange.place,
                exchange.url,
                digest.algorithm,
                digest.value,
                mismatch.got,
                digest.named_by,
                final,
            )
        )
        error = run.stack.wrong_bytes(
            f"{exchange.url}: the bytes fail the {digest.algorithm} hash named by"
            f" {digest.named_by}: expected {digest.value}, got {mismatch.got}"
        )
        error.spoilt = spoilt  # type: ignore[attr-defined]
        return error

    def became_another(self, why: str) -> Exception:
        """Return what ends a body that became another one, as its bytes show."""
        return self.changed(Failure(Kind.CHANGED, why))

    def changed(self, failure: Failure) -> Exception:
        """Return what ends a body that became another one; the file is asked for once more."""
        exchange, run = self._exchange, self._run
        if not self._transfer.streams:
            return Broken(failure)
        run.journal.add(
            events.Retried(
                run.at(), exchange.place, exchange.url, failure, exchange.attempts, 0.0, 0.0
            )
        )
        return run.stack.wrong_bytes(f"{exchange.url}: {failure.said}")

    def may_be_short(self) -> bool:
        """Tell whether a body of unknown length may have been cut where it ended.

        A wrong hash says so, unless a second fetch ended at the same byte.
        """
        return not self.ends_here_again()

    def is_the_end(self, lane: Lane, failure: Failure) -> bool:
        """Tell whether a failure is how this server ends a body."""
        unsized = lane.until_close and failure.kind is Kind.TLS_EOF
        return unsized and self.ends_here_again()

    def ends_here_again(self) -> bool:
        """Tell whether a body without a length was cut at the same byte twice.

        Some servers close TLS without close_notify: then that is its end.
        """
        again = self._ended_at == self._transfer.received
        self._ended_at = self._transfer.received
        return again


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:  # no URL
        raise Unanswered(error) from error
