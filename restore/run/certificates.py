"""Certificates for one run: every connection of the cluster is encrypted and both ends prove themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CLOCKS_DIFFER = timedelta(days=1)
VALID = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM form: the authority, and the one certificate and key that all of the cluster's nodes use."""

    authority: Path
    certificate: Path
    key: Path


def issue(folder: Path) -> Certificates:
    """New certificates in a folder (made 0700, files 0600). The authority's own key is never written, so that
    nobody can join later with a certificate of his own. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_key, node_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _named("bulkrestore run", authority_key.public_key()).issuer_name(_name("bulkrestore run"))
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    node = _named("bulkrestore node", node_key.public_key()).issuer_name(_name("bulkrestore run"))
    loopback: list[x509.GeneralName] = [
        x509.IPAddress(IPv4Address("127.0.0.1")),
        x509.DNSName("localhost"),
    ]
    node = node.add_extension(x509.SubjectAlternativeName(loopback), critical=False)
    pem = serialization.Encoding.PEM
    files = Certificates(folder / "authority.pem", folder / "node.pem", folder / "node.key")
    _write(files.authority, authority.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    _write(files.certificate, node.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    _write(
        files.key,
        node_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    return files


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _named(common: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + VALID)
    )


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
