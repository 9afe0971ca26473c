"""`csms pki ...` on a folder of its own, looked over by OpenSSL's own TLS."""

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.conftest import Cli


@pytest.fixture
def pki(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path, {})
    assert cli("pki", "init", "Operator GmbH").code == 0
    return cli


def shakes_hands(folder: Path, server: str, station: str) -> bool:
    """Whether a server and a station that trust the root, and look at the list, take each other."""
    root, crl = folder / "var/pki/root.pem", folder / "var/pki/crl.pem"
    inside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(root))
    inside.load_cert_chain(folder / f"{server}.pem", folder / f"{server}.key")
    inside.load_verify_locations(crl)
    inside.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    inside.verify_mode = ssl.CERT_REQUIRED
    outside = ssl.create_default_context(cafile=str(root))
    outside.load_cert_chain(folder / f"{station}.pem", folder / f"{station}.key")
    left, right = socket.socketpair()
    right.settimeout(10)
    found: list[bool] = []

    def serve() -> None:
        try:
            with inside.wrap_socket(left, server_side=True) as end:
                end.send(b"!")
                found.append(True)
        except OSError:
            found.append(False)
        finally:
            left.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with outside.wrap_socket(right, server_hostname=server) as end:
            end.recv(1)
    except OSError:
        right.close()
    thread.join(10)
    return found == [True]


def test_an_authority_for_our_listener_and_its_stations(pki: Cli) -> None:
    folder = pki.folder
    assert pki("pki", "issue", "csms.example.org").code == 0
    issued = pki("pki", "issue", "SN-1", "--use", "ChargingStationCertificate", "--json").json
    assert issued["name"] == "SN-1"
    assert shakes_hands(folder, "csms.example.org", "SN-1")
    assert not shakes_hands(folder, "csms.example.org", "csms.example.org")  # it is no client
    assert pki("pki", "revoke", issued["serial"]).code == 0
    assert not shakes_hands(folder, "csms.example.org", "SN-1")
    shown = pki("pki", "show", "--json").json
    assert [one["revokedAt"] is not None for one in shown["issued"]] == [False, True]
    assert "SN-1" in pki("pki", "show").out


def test_only_the_owner_reads_what_is_secret(pki: Cli) -> None:
    assert pki("pki", "issue", "localhost").code == 0
    for file in ("var/pki/root.key", "var/pki/sub.key", "var/pki/ledger.jsonl", "localhost.key"):
        assert stat.S_IMODE((pki.folder / file).stat().st_mode) == 0o600, file


def test_it_signs_without_the_roots_key(pki: Cli) -> None:
    (pki.folder / "var/pki/root.key").unlink()
    assert pki("pki", "issue", "localhost").code == 0


def test_a_request_that_somebody_brings(pki: Cli) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SN-2")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    (pki.folder / "a.csr").write_bytes(request.public_bytes(serialization.Encoding.PEM))
    station = ("--use", "ChargingStationCertificate", "--csr", "a.csr")
    assert pki("pki", "issue", "SN-2", *station).code == 0
    assert not (pki.folder / "SN-2.key").exists()
    pki("pki", "issue", "SN-3", *station).refused(2, "csr", "common name")


def test_wrong_use(pki: Cli, tmp_path: Path) -> None:
    pki("pki", "init", "Another").refused(1, "already")
    pki("pki", "revoke", "ff").refused(1, "ff")
    assert pki("pki", "issue", "localhost").code == 0
    pki("pki", "issue", "localhost").refused(1, "localhost.pem", "already")
    (tmp_path / "empty").mkdir()
    none = Cli(tmp_path / "empty", {})
    none("pki", "show").refused(1, "pki.folder", "csms pki init")
    none("pki", "init", "x" * 65).refused(2, "64")
    (pki.folder / "var/pki/sub.key").write_text("no key")
    pki("pki", "show").refused(1, "pki.folder")
