"""How are the right bytes of a file fetched from another source?

The rule: into a spool, and out of it only when every digest of the whole file
holds. A source that lacks bytes, cuts them or falls silent has had its turn,
and what it brought is there for the next one. A source is wrong only if all
that it brings by itself fails: what fails together with bytes of others, or of
an earlier run, is thrown away and says nothing of anybody.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pip_resilient.policy.digests import Verification, of_path
from pip_resilient.policy.failure import Kind
from pip_resilient.session.aside import Aside
from pip_resilient.session.bringer import Bringer, NoRoom, kept
from pip_resilient.session.elsewhere import Unusable, WrongThere
from pip_resilient.session.spool import Spool

if TYPE_CHECKING:
    from pip_resilient.mirrors.declared import Source
    from pip_resilient.mirrors.group import Asked
    from pip_resilient.policy.digests import Mismatch
    from pip_resilient.session.elsewhere import Elsewhere
    from pip_resilient.session.exchange import Exchange
    from pip_resilient.session.lane import Lane

_OF_SIZE = (Kind.GARBLED, Kind.TRUNCATED)
"""What an answer looks like to whoever is wrong about the file's size."""
_PIECE = 256 * 1024


class NotToBlame(Exception):  # a verdict on somebody else than the source
    """A file is wrong, and not by the source that served it.

    What had come of it before was wrong; or no bytes can be right, since of
    the digests named for it one holds and one does not (`Mismatch.disagree`).
    """

    def __init__(self, mismatch: Mismatch) -> None:
        super().__init__(mismatch.digest.value)
        self.mismatch = mismatch


class FileFetch:
    """Fetches one file, or the rest of it.

    Args:
        exchange: pip's request for it.
        elsewhere: Asks other hosts.
        asked: What the request asks for.
        before: Has seen the bytes before those that are wanted, and knows digests.
        end: Offset behind the file's last byte, or None where it is not known.
        least: Bytes per second below which this was not worth it, or None.

    Attributes:
        digests: Those that the file is held against.
        end: Offset behind the file's last byte, as far as it is known.
    """

    def __init__(
        self,
        exchange: Exchange,
        elsewhere: Elsewhere,
        asked: Asked,
        before: Verification,
        end: int | None,
        least: float | None = None,
    ) -> None:
        self._exchange = exchange
        self._bringer = Bringer(exchange, elsewhere, asked, least)
        path = of_path(asked.path) if asked.what == "file" else None
        self.digests = before.digests if path is None else (path, *before.digests)
        self._before = before
        if end is None:
            end = exchange.run.size_of(exchange.request.url, self.digests)
        self.end = end
        self._aside: Aside | None = None
        self._guessed = False

    def look(self, first: int) -> int:
        """Open the unfinished download that an earlier run may have left, and go on with it.

        Returns:
            How many bytes from an offset on are there already.
        """
        if self.end is not None and self.end < first:
            self.end = None  # an index was wrong about it
        if not self.digests:
            return 0
        run, digest = self._exchange.run, self.digests[0]
        partial = None
        if self.end is not None:
            partial = run.partials.open(digest.algorithm, digest.value, self.end)
        elif not first and run.has_partials:
            partial = run.partials.left_of(digest.algorithm, digest.value)
            self._guessed = partial is not None
            self.end = None if partial is None else partial.size
        self._aside = None if partial is None else Aside(partial)
        return 0 if self._aside is None else self._aside.beginning(first)

    def close(self) -> None:
        """Leave what has come for the next run, if nobody has it by now."""
        if self._aside is not None:
            self._aside.close()

    def fetch(self, source: Source, first: int, last: bool) -> Spool:
        """Return the bytes from an offset on, the digests held against the whole file.

        Args:
            source: Who is asked.
            first: The offset; what came before it came from elsewhere.
            last: Whether there is nobody to ask after this one.

        Raises:
            Unusable: It has not got them.
            WrongThere: It has others.
            NotToBlame: It has them, but those before them were wrong; or nobody can have them.
            NoRoom: They do not fit here.
        """
        before = self._before if first else Verification(self.digests)
        spool = self._with_what_is_left(source, before, first, last)
        mismatch = spool.mismatch()
        if mismatch is None:
            self._exchange.healing.kept(first)
            return self._given_out(spool)
        _throw_away(spool)
        self._discard()
        if (first or spool.taken_up) and not mismatch.disagree:
            # Of several sources one is wrong: this one alone tells whether it is.
            self._exchange.healing.begun_again()
            alone = self._filled(source, Verification(self.digests), 0, last, keeps=False)
            if alone.mismatch() is None:
                return self._from(alone, first, mismatch)
            mismatch = alone.mismatch() or mismatch
            _throw_away(alone)
        digest = mismatch.digest
        named = self._exchange.run.pages.has_named
        if named(self._exchange.request.url, digest.algorithm, mismatch.got):
            mismatch = mismatch._replace(disagree=True)  # two indexes do
        if mismatch.disagree:
            raise NotToBlame(mismatch)
        raise WrongThere(digest.algorithm, digest.value, mismatch.got, digest.named_by)

    def _with_what_is_left(
        self, source: Source, before: Verification, first: int, last: bool
    ) -> Spool:
        try:
            return self._filled(source, before, first, last)
        except Unusable as unusable:
            failure = unusable.failure
            if not self._guessed or (failure.kind not in _OF_SIZE and failure.status != 416):
                raise
        self._discard()
        return self._filled(source, before, first, last)

    def _discard(self) -> None:
        """Throw away what was kept, and the size that nothing but that has told."""
        if self._aside is not None:
            self._aside.discard()
            self._aside = None
        if self._guessed:
            self.end, self._guessed = None, False

    def _given_out(self, spool: Spool) -> Spool:
        try:
            kept(spool.give_out)
        except NoRoom:
            _throw_away(spool)
            raise
        self._aside = None  # the spool has it now
        return spool

    def _from(self, alone: Spool, first: int, mismatch: Mismatch) -> Spool:
        """Return what follows an offset of a file that a source has brought by itself.

        Raises:
            NotToBlame: It does not follow what had come before.
        """
        self._given_out(alone)
        prefix, left = self._before.afresh(), first
        while left and (data := alone.read(min(left, _PIECE))):
            prefix.update(data)
            left -= len(data)
        if first and prefix.fingerprint() != self._before.fingerprint():
            _throw_away(alone)
            raise NotToBlame(mismatch)
        return alone

    def _filled(
        self, source: Source, before: Verification, first: int, last: bool, keeps: bool = True
    ) -> Spool:
        """Return all bytes from an offset on, whatever they are.

        Args:
            source: Who brings what is not here yet.
            before: Has seen the bytes before the offset.
            first: The offset.
            last: Whether there is nobody to ask after this one.
            keeps: Whether earlier ones count, and these are kept for the next run.
        """
        if keeps and self._aside is None and self.end is not None:
            self.look(first)  # what was there turned out to be wrong
        spool = Spool(before, first, self._aside if keeps else None, self._lost)
        try:
            self._bringer.fill(spool, source, last, self.end, self._keep if keeps else None)
        except BaseException:
            _throw_away(spool)
            raise
        return spool

    def _lost(self, why: str) -> Exception:
        """Return what lets pip ask for a file again that was here and is not any more."""
        error = self._exchange.run.stack.wrong_bytes(f"{self._exchange.url}: {why}")
        error.spoilt = True  # type: ignore[attr-defined]
        return error

    def _keep(self, size: int) -> Aside | None:
        """Open what keeps a file for the next run whose size only a source has told."""
        if self._aside is None:
            digest = self.digests[0]
            partials = self._exchange.run.partials
            partial = partials.open(digest.algorithm, digest.value, size)
            self._aside = None if partial is None else Aside(partial)
        return self._aside

    def part(self, source: Source, first: int, end: int | None) -> Lane:
        """Return what brings a part of the file; see `Bringer.part`."""
        return self._bringer.part(source, first, end, self.end)


def _throw_away(spool: Spool) -> None:
    """Close a spool; what it has not written yet may not fit either."""
    with contextlib.suppress(OSError):
        spool.close()
