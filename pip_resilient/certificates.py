"""Who issued a certificate, for whom, and until when?

The rule: a certificate that was not believed is the most telling one, and the
ssl module gives nothing of it but its bytes. So they are read here, as DER
(X.690) in the form of RFC 5280 §4.1; what cannot be read is left out.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pip_resilient.policy.failure import Kind
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pip_resilient.policy.failure import Failure

_VERSION, _UTC_TIME, _EXTENSIONS = 0xA0, 0x17, 0xA3
_DNS_NAME = 0x82
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"
_SUBJECT_ALT_NAME = b"\x55\x1d\x11"
_BMP_STRING = 0x1E


class Certificate(Record):
    """What a certificate says of itself.

    Attributes:
        issuer: The common name of who signed it, else their organization.
        names: Hosts that it is for, by its subjectAltName, else its common name.
        begins: Seconds since 1970.
        ends: Seconds since 1970.
    """

    issuer: str
    names: tuple[str, ...]
    begins: float
    ends: float

    def explain(self, failure: Failure, now: float) -> Failure:
        """Return a failure with what this certificate tells of it.

        Args:
            failure: Why it was not believed.
            now: This moment, seconds since 1970.
        """
        if failure.kind is Kind.OTHER_HOST and self.names:
            return failure._replace(detail=f"it is for {', '.join(self.names[:2])}")
        if failure.kind in (Kind.CERTIFICATE, Kind.AGAINST_RULES):
            told = [failure.detail] if failure.detail else []
            return failure._replace(detail="; ".join([*told, f'issued by "{self.issuer}"']))
        if failure.kind is Kind.EXPIRED:
            days = (now - self.ends) / 86400
            return failure._replace(detail=f"{days:.0f} days ago" if days >= 1 else "today")
        return failure


def read(der: bytes) -> Certificate | None:
    """Read a certificate in DER; None where it is not readable."""
    try:
        return _read(der)
    except (ValueError, IndexError, StopIteration, UnicodeDecodeError, OverflowError):
        return None


def _read(der: bytes) -> Certificate:
    _, whole = next(_parts(der))
    _, inner = next(_parts(whole))
    fields = [part for part in _parts(inner) if part[0] != _VERSION]
    # serial number, signature, issuer, validity, subject, key, extensions
    _, _, issuer, validity, subject, *rest = fields
    begins, ends = (_seconds(*time) for time in list(_parts(validity[1]))[:2])
    extensions = next((value for tag, value in rest if tag == _EXTENSIONS), b"")
    names = tuple(_hosts(extensions)) or tuple(filter(None, [_name(subject[1])]))
    return Certificate(_name(issuer[1]), names, begins, ends)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, content) of each element, X.690 §8.1."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("cut short")
        yield tag, data[at : at + length]
        at += length


def _name(rdns: bytes) -> str:
    found: dict[bytes, str] = {}
    for _, rdn in _parts(rdns):
        for _, pair in _parts(rdn):
            (_, kind), (tag, value) = list(_parts(pair))[:2]
            found[kind] = value.decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or ""


def _seconds(tag: int, value: bytes) -> float:
    """Read a time, RFC 5280 §4.1.2.5: years of two digits are 1950 to 2049."""
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
    return moment.timestamp()


def _hosts(extensions: bytes) -> Iterator[str]:
    for _, listed in _parts(extensions):
        for _, extension in _parts(listed):
            (_, kind), *_, (_, value) = _parts(extension)
            if kind == _SUBJECT_ALT_NAME:
                for _, names in _parts(value):
                    for tag, name in _parts(names):
                        if tag == _DNS_NAME:
                            yield name.decode("ascii", "replace")
