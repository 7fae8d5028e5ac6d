"""Does a record behave as a named tuple does?"""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.record import Record


class Cheap(Record):
    """Ours."""

    first: Any
    second: Any = 2
    third: Any = None


class Dear(NamedTuple):
    """The standard library's."""

    first: Any
    second: Any = 2
    third: Any = None


VALUES = st.one_of(st.integers(), st.text(), st.none())
BY_NAME = st.dictionaries(st.sampled_from(["first", "second", "third", "fourth"]), VALUES)


@given(st.lists(VALUES, max_size=4), BY_NAME)
def test_it_takes_what_a_named_tuple_takes(values: list[Any], named: dict[str, Any]) -> None:
    """A record that takes more would hide a misspelt field."""
    try:
        dear = Dear(*values, **named)
    except TypeError:
        with pytest.raises(TypeError):
            Cheap(*values, **named)
        return
    cheap = Cheap(*values, **named)

    assert (cheap.first, cheap.second, cheap.third) == tuple(dear)
    assert cheap._asdict() == dear._asdict()
    assert cheap._replace(second="x") == dear._replace(second="x")
    assert repr(cheap).replace("Cheap", "Dear") == repr(dear)
    assert hash(cheap) == hash(dear)
    assert cheap == Cheap(*dear)


def test_a_field_cannot_be_set_or_invented() -> None:
    """Several threads look at one record."""
    record: Any = Cheap(1)
    with pytest.raises(AttributeError):
        record.first = 2
    with pytest.raises(TypeError):
        record._replace(fourth=4)


def test_it_can_be_copied_and_pickled() -> None:
    """As all tuples can."""
    record = Cheap(1, third=[3])

    assert copy.copy(record) == copy.deepcopy(record) == record
    assert type(pickle.loads(pickle.dumps(record))) is Cheap
