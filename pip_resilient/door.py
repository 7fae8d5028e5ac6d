"""How does a run get at what only trouble needs?

The rule: a healthy run imports nothing of the wing. Outside of it only the
object `wing` is used. It stands for the module `pip_resilient.wing`, and the
first thing that is asked of it loads all of the wing in one go, so that
nothing is left to be imported later.

That is early enough: pip asks the network before it installs, and only then
does pip 26.3 block imports (`_prevent_further_imports` in commands/install.py)
and may an upgrade of this very package replace our files. What a child has
told is read later; for that there is `last_call`. Where the wing cannot be
loaded, that is a surprise like any other: pip goes on without us.
"""

from __future__ import annotations

__all__ = ["wing"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pip_resilient import wing
else:

    class Door:
        """Stands for the wing; loaded, it has all of the wing's names."""

        def __getattr__(self, name: str) -> Any:
            """Load the wing, which is asked for the first time."""
            from pip_resilient import wing  # noqa: PLC0415  # the one late import

            vars(self).update(vars(wing))
            return getattr(wing, name)

    wing = Door()
