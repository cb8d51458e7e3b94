"""Certificates for one run, or for a cluster on several hosts: every connection is encrypted and both ends prove
themselves."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from restore.errors import CertificatesMissing, CertificatesStand

ROLES = ("coordinator", "scheduler", "worker")
CLOCKS_DIFFER = timedelta(days=1)
VALID = timedelta(days=90)
AUTHORITY = "authority.pem"
PEM = serialization.Encoding.PEM
LOOPBACK: list[x509.GeneralName] = [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")]


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM form: the authority, and the certificate and key that a node of the cluster uses."""

    authority: Path
    certificate: Path
    key: Path


def issue(folder: Path) -> Certificates:
    """New certificates in a folder (made 0700, files 0600). The authority's own key is never written, so that
    nobody can join later with a certificate of his own. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _Authority(folder, "bulkrestore run")
    return authority.certify("bulkrestore node", "node")


def issue_cluster(folder: Path) -> tuple[Path, ...]:
    """New certificates for a cluster on several hosts: an authority, and a pair for each of ROLES; the files made.
    The authority's own key is never written. Raises CertificatesStand where some are there already, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CertificatesStand(f"{folder} is not empty: certificates that are in use are not replaced")
    authority = _Authority(folder, f"bulkrestore cluster {secrets.token_hex(4)}")
    pairs = [authority.certify(common_name(role), role) for role in ROLES]
    return (authority.path, *(path for pair in pairs for path in (pair.certificate, pair.key)))


def certificates_of(folder: Path, role: str) -> Certificates:
    """What a node of that role uses, as issue_cluster made it. Raises CertificatesMissing."""
    files = Certificates(folder / AUTHORITY, folder / f"{role}.pem", folder / f"{role}.key")
    for path in (files.authority, files.certificate, files.key):
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise CertificatesMissing(f"{path} cannot be read: {error.strerror}") from error
        if path == files.key and mode & 0o077:
            raise CertificatesMissing(f"{path} can be read by others (mode {mode & 0o777:o}); expected 600")
    return files


def common_name(role: str) -> str:
    """What a certificate of that role says."""
    return f"bulkrestore {role}"


class _Authority:
    """Signs certificates for as long as it lives in memory; its own certificate lies in `folder`."""

    def __init__(self, folder: Path, common: str) -> None:
        self._folder, self._common = folder, common
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        made = (
            _named(common, public)
            .issuer_name(_name(common))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        self.path = folder / AUTHORITY
        _write(self.path, made.sign(self._key, hashes.SHA256()).public_bytes(PEM))

    def certify(self, common: str, name: str) -> Certificates:
        """A key with its certificate, in NAME.key and NAME.pem."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        made = (
            _named(common, key.public_key())
            .issuer_name(_name(self._common))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
            .add_extension(x509.SubjectAlternativeName(LOOPBACK), critical=False)
        )
        files = Certificates(self.path, self._folder / f"{name}.pem", self._folder / f"{name}.key")
        _write(files.certificate, made.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        plain = serialization.NoEncryption()
        _write(files.key, key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain))
        return files


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


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
