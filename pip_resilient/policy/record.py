"""How is a frozen record made for next to nothing?

The rule: it is used as a `typing.NamedTuple`, and is one to a type checker.
That one compiles code for each class, a million instructions of it, which a
healthy run would pay a dozen times.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

__all__ = ["Record"]

if TYPE_CHECKING:
    from typing import Any
    from typing import NamedTuple as Record
else:

    class Record(tuple):
        """A tuple whose places have the names, and defaults, that its class body gives."""

        __slots__ = ()
        _fields: tuple[str, ...] = ()
        _last: tuple[Any, ...] = ()

        def __init_subclass__(cls) -> None:
            """Turn the annotations of the class body into fields."""
            cls._fields = tuple(cls.__annotations__)
            own = vars(cls)
            cls._field_defaults = {name: own[name] for name in cls._fields if name in own}
            cls._last = tuple(cls._field_defaults.values())  # defaults are those of the last
            for place, name in enumerate(cls._fields):
                setattr(cls, name, property(itemgetter(place)))

        def __new__(cls, *values: Any, **named: Any) -> Record:  # noqa: PYI034
            """Take the fields' values, by place or by name, as a function would."""
            fields, last = cls._fields, cls._last
            missing = len(fields) - len(values)
            if not named and 0 <= missing <= len(last):
                return tuple.__new__(cls, values + last[len(last) - missing :])
            given = {**cls._field_defaults, **dict(zip(fields, values)), **named}
            twice = [name for name in fields[: len(values)] if name in named]
            if twice or len(values) > len(fields) or given.keys() != set(fields):
                raise TypeError(f"{cls.__name__} takes {', '.join(fields)}, each once")
            return tuple.__new__(cls, [given[name] for name in fields])

        def __getnewargs__(self) -> tuple[Any, ...]:
            """Say what copies and pickles are made of."""
            return tuple(self)

        def __repr__(self) -> str:
            shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({shown})"

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self))

        def _replace(self, **changed: Any) -> Record:
            values = [changed.pop(name, value) for name, value in zip(self._fields, self)]
            if changed:
                raise TypeError(f"{type(self).__name__} has no {', '.join(changed)}")
            return tuple.__new__(type(self), values)
