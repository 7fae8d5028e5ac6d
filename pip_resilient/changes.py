"""How is a change to pip made, so that it can be taken back?

The rule: `hook.py` says what is changed; here it is recorded before it is made,
and undone by walking the record backwards. Undone means that the very object
is there again, or none where a class had only inherited it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pip_resilient import sinks, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable

wrapt = wrapping.import_wrapt()


class Record:
    """The changes made, to be undone."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def add(self, undo: Callable[[], None]) -> None:
        """Record how to take a change back, before it is made."""
        self._undo.append(undo)

    def wrap(self, parent: Any, name: str, wrapper: Any) -> None:
        """Wrap a function of a class or of a module; an inherited one is deleted again on undo."""
        own = name in vars(parent)
        owners = getattr(parent, "__mro__", (parent,))
        raw = next(vars(owner)[name] for owner in owners if name in vars(owner))

        def undo() -> None:
            if own:
                setattr(parent, name, raw)
            elif name in vars(parent):
                delattr(parent, name)

        self.add(undo)
        setattr(parent, name, wrapt.FunctionWrapper(raw, wrapper))

    def undo(self) -> None:
        """Take everything back, the last change first."""
        while self._undo:
            step = self._undo.pop()
            try:
                step()
            except Exception as error:  # the other changes still must go
                sinks.logger.debug("pip-resilient: not undone: %s", error)


def is_sound(name: str) -> bool:
    """Tell whether a module in this folder could be imported; none of it is run.

    Nothing is written either: this may be the folder of another Python (`carrying`).
    """
    try:
        with open(os.path.join(os.path.dirname(__file__), f"{name}.py"), "rb") as file:
            compile(file.read(), name, "exec", dont_inherit=True)
    except Exception:  # whatever has become of the file
        return False
    return True


def with_mixin(mixin: type, plain: type) -> type:
    """Return a class for objects of pip's that are to be of ours as well.

    They still name pip's class as their own. A method that somebody else has put
    there may ask `super(self.__class__, self)`, as one of pip-system-certs 5.3
    does, and with our class it would find itself again without end.
    """
    theirs = property(lambda _: plain, vars(object)["__class__"].__set__)
    return type(f"Resilient{plain.__name__}", (mixin, plain), {"__class__": theirs})
