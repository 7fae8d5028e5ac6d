"""Is a certificate read rightly from its bytes, and rubbish never believed?"""

from __future__ import annotations

import ssl
from datetime import datetime, timezone

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.certificates import Certificate, read
from pip_resilient.policy.failure import Failure, Kind

BEGINS = datetime(2024, 1, 31, 12, 0, 5, tzinfo=timezone.utc)


def der(pem: trustme.Blob) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.bytes().decode("ascii"))


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2101])
def test_issuer_names_and_times_are_what_they_are(year: int) -> None:
    """From 2050 on the years have four digits (RFC 5280 §4.1.2.5)."""
    ends = BEGINS.replace(year=year)
    issued = trustme.CA(organization_name="Prüf GmbH").issue_cert(
        "a.invalid", "*.b.invalid", "127.0.0.1", not_before=BEGINS, not_after=ends
    )
    got = read(der(issued.cert_chain_pems[0]))

    assert got is not None
    assert got.issuer == "Prüf GmbH"
    assert got.names == ("a.invalid", "*.b.invalid")
    assert (got.begins, got.ends) == (BEGINS.timestamp(), ends.timestamp())


@pytest.mark.parametrize(
    ("names", "detail"), [(("a.invalid", "b.invalid", "c.invalid"), "it is for a"), ((), "")]
)
def test_whom_a_certificate_of_another_host_is_for_is_told(
    names: tuple[str, ...], detail: str
) -> None:
    """One for addresses alone may name no host at all."""
    explained = Certificate("CA", names, 0.0, 0.0).explain(Failure(Kind.OTHER_HOST), 0.0)

    assert explained.detail.startswith(detail)
    assert bool(explained.detail) is bool(names)
    assert "c.invalid" not in explained.detail


def test_the_common_name_is_what_an_issuer_is_known_by() -> None:
    """It is the one that stands in the lists of certificates."""
    key = ec.generate_private_key(ec.SECP256R1())
    said = ((NameOID.ORGANIZATION_NAME, "Some Company"), (NameOID.COMMON_NAME, "Some Root CA"))
    issuer = x509.Name([x509.NameAttribute(kind, value) for kind, value in said])
    made = x509.CertificateBuilder(issuer, x509.Name([]), key.public_key(), 5, BEGINS, BEGINS)
    got = read(made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))

    assert got is not None
    assert got.issuer == "Some Root CA"


@given(st.binary(max_size=300))
def test_rubbish_is_none(data: bytes) -> None:
    assert read(data) is None


@given(st.integers(0, 600), st.integers(0, 255))
def test_a_damaged_one_never_raises(at: int, byte: int) -> None:
    data = bytearray(DER)
    data[at % len(data)] = byte

    read(bytes(data))


@given(st.integers(0, 600))
def test_a_cut_one_never_raises(length: int) -> None:
    read(DER[:length])


DER = der(trustme.CA().issue_cert("a.invalid").cert_chain_pems[0])
