"""What is written down of a run in which something happened?

The rule: what was remembered of its requests (`track`) becomes records only
here, at its end, and without secrets: no userinfo, no query, no setting's
password. It goes into the event log, to the parent pip, or to the runs that
are kept; a run in which nothing went wrong is not kept.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from pip_resilient.accounts import AboutRun, Brought, Requested
from pip_resilient.events import Answered, Widened
from pip_resilient.mirrors import declared
from pip_resilient.ndjson import to_json
from pip_resilient.policy.disclosure import without_secrets
from pip_resilient.policy.origins import place_of
from pip_resilient.settings import NAMES, Settings
from pip_resilient.store.folder import Folder
from pip_resilient.store.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pip_resilient.events import Event
    from pip_resilient.session.run import Run

_NO_TROUBLE = (AboutRun, Requested, Brought, Answered, Widened)


class Account:
    """The account of one run.

    Args:
        run: What it did.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def around(self, happened: Sequence[Event], failed: bool, verdict: str | None) -> list[Event]:
        """Return what stands around a run's events, and write it to the event log.

        Args:
            happened: The events.
            failed: Whether pip has reported an error.
            verdict: The last line that the user is told, or None.
        """
        run = self._run
        made: list[Event] = [*self._requests(), *self._brought()]
        about = AboutRun(
            0.0,
            run.track.started,
            run.at(),
            failed,
            *run.track.made_by,
            sys.version.partition(" ")[0],
            _without_defaults(run.settings),
            run.track.count,
            1 + len(made) + len(happened),
            verdict,
        )
        around = [about, *made]
        if run.write is not None:
            for event in around:
                run.write(to_json(event, run.track.name))
        return around

    def _requests(self) -> Iterable[Event]:
        for trace in self._run.track.traces:
            yield Requested(
                trace.began,
                place_of(trace.url),
                without_secrets(trace.url),
                trace.method,
                trace.answered,
                trace.ended,
                trace.status,
                trace.length,
                trace.cached,
            )

    def _brought(self) -> Iterable[Event]:
        track = self._run.track
        for (place, number), count in track.brought.items():
            yield Brought(number * track.width, place, track.width, count)

    def shifted(self, received: Iterable[Event]) -> list[Event]:
        """Return what build children told, with the times of this run: each began later."""
        later, events = 0.0, []
        for event in received:
            if isinstance(event, AboutRun):
                later = event.started - self._run.track.started
            changed: dict[str, float | None] = {"at": max(0.0, event.at + later)}
            if isinstance(event, Requested):
                for name in ("answered", "ended"):
                    moment = getattr(event, name)
                    changed[name] = None if moment is None else max(0.0, moment + later)
            events.append(event._replace(**changed))  # type: ignore[arg-type]
        return events

    def keep(self, everything: Sequence[Event], failed: bool, verdict: str | None) -> bool:
        """Keep the run for `pip-resilient report`; True if it is worth it, and it was done.

        Args:
            everything: What happened in it and in its children.
            failed: Whether pip has reported an error.
            verdict: The last line that the user is told, or None.
        """
        about, *made = self.around(everything, failed, verdict)
        state = self._run.state_dir
        worth = failed or any(not isinstance(event, _NO_TROUBLE) for event in everything)
        root = Folder.open(state) if worth and state is not None else None
        if root is None:
            return False
        records = [about, *sorted([*made, *everything], key=lambda event: event.at)]
        lines = [to_json(record, self._run.track.name) for record in records]
        return Runs(root.sub("runs"), time.time).keep(self._run.track.name, lines)


def _without_defaults(settings: Settings) -> dict[str, str]:
    usual = Settings()
    said = {name: getattr(settings, name) for name in NAMES}
    return {
        name: " ".join(map(declared.without_secrets, value))
        if isinstance(value, tuple)
        else _without_login(str(value))
        for name, value in said.items()
        if value != getattr(usual, name)
    }


def _without_login(text: str) -> str:
    """Return a number or a path; of what holds a login nothing."""
    return "?" if "@" in text or "://" in text else text
