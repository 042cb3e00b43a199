"""An authority of our own, and a certificate for 127.0.0.1 and PICTURES that it has signed."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PICTURES = "pictures.invalid"
"""A name that no machine can resolve (RFC 2606)."""


class Authority(NamedTuple):
    pem: Path
    """Its own certificate."""
    server: ssl.SSLContext
    """For a server at 127.0.0.1, or of the name PICTURES."""


def authority(folder: Path) -> Authority:
    """A new one, its files in `folder`."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = _name("An authority of our own")
    is_ca = x509.BasicConstraints(ca=True, path_length=None)
    ca = _certificate(ca_name, ca_key, ca_key).add_extension(is_ca, critical=True)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(PICTURES)]
    )
    ours = _certificate(_name("server"), key, ca_key).add_extension(names, critical=False)

    pem, chain = folder / "ca.pem", folder / "server.pem"
    pem.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        ours.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Authority(pem, context)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_name("An authority of our own"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(key_id, critical=False)
        .add_extension(issuer_id, critical=False)
    )
