"""The ledger of a certificate authority: what a crash or a full disk has cut off hides nothing else."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from csms.pki import authority
from csms.pki.authority import Use
from csms.pki.csr import Wish

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def wish(name: str) -> Wish:
    return Wish(name, ec.generate_private_key(ec.SECP256R1()).public_key())


def test_private_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    authority.create(tmp_path / "ca", "House", NOW).issue(wish("a"), Use.STATION, NOW)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "ca").iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == {"root.pem", "sub.pem", "crl.pem"}


def test_a_line_that_was_cut_off_hides_nothing(tmp_path: Path) -> None:
    ours = authority.create(tmp_path, "House", NOW)
    first = ours.issue(wish("a"), Use.STATION, NOW)
    with (tmp_path / "ledger.jsonl").open("a") as ledger:
        ledger.write('{"serial": "77", "use": "Ser')
    second = ours.issue(wish("b"), Use.STATION, NOW)
    assert [one.serial for one in ours.issued()] == [first.serial, second.serial]
    ours.revoke(second.serial, NOW)
    crl = x509.load_pem_x509_crl((tmp_path / "crl.pem").read_bytes())
    assert [f"{one.serial_number:x}" for one in crl] == [second.serial]


def test_what_the_disk_has_no_room_for_is_not_issued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = authority.create(tmp_path, "House", NOW)
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, text: write(file, text[:9]))
        with pytest.raises(OSError, match="No space"):
            ours.issue(wish("a"), Use.STATION, NOW)
    kept = ours.issue(wish("b"), Use.STATION, NOW)
    assert [one.serial for one in ours.issued()] == [kept.serial]
