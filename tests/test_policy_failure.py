"""Do failures say what they are?"""

from __future__ import annotations

from pip_resilient.policy.failure import Failure, Kind


def test_a_failure_says_what_happened_in_a_few_words() -> None:
    """Messages are made of this."""
    assert Failure(Kind.RESET).said == "connection lost"
    assert Failure(Kind.SILENT, "for 60 s").said == "no answer (for 60 s)"
    assert Failure(Kind.STATUS, status=503).said == "HTTP status 503"


def test_no_two_kinds_are_one() -> None:
    """Enum makes equal values aliases, and the second kind would have the first one's advice."""
    assert len({kind.value for kind in Kind}) == len(list(Kind)) == len(Kind.__members__)
