"""Passwords: made, hashed, compared, and refused when they are weak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.errors import Invalid
from csms.pki import passwords


def test_a01_fr_06_generated_passwords_are_long_random_and_different() -> None:
    made = {passwords.generate() for _ in range(500)}
    assert len(made) == 500
    assert all(len(password) == 40 and password.isalnum() and password.isascii() for password in made)
    for password in made:
        passwords.check_strength(password)


@given(st.text(max_size=80))
def test_a_hash_verifies_its_own_password_only(password: str) -> None:
    stored = passwords.hash_password(password)
    assert passwords.verify(password, stored)
    assert not passwords.verify(password + "x", stored)
    assert not password or password not in stored or len(password) < 8


def test_two_hashes_of_one_password_differ() -> None:
    assert passwords.hash_password("same") != passwords.hash_password("same")


@pytest.mark.parametrize(
    "stored", ["", "x", "hmac-sha256", "hmac-sha256$zz$00", "md5$00$00", "a$b$c$d", "é$é$é"]
)
def test_a_broken_hash_verifies_nothing(stored: str) -> None:
    assert not passwords.verify("", stored)
    assert not passwords.verify("anything", stored)


@given(st.text(max_size=80))
def test_nobody_has_the_dummy_password(password: str) -> None:
    assert not passwords.verify(password, passwords.DUMMY_HASH)


@pytest.mark.parametrize(
    "weak",
    [
        "",
        "short",
        "a" * 15,
        "a" * 16,
        "a" * 40,
        "0123456789012345",
        "abcdefghijklmnopqrstuvwxyz",
        "passwordpassword",
        "PasswordPassword",
        "1111222233334444",
        "abababababababab",
        "zyxwvutsrqponmlk",
        "correct-horse-staple\n",
        "x" * 65,
        "Pd2LBRr3pRPODd3HDLzzQko9Fgg1A8jc" * 3,
    ],
)
def test_weak_passwords_are_refused(weak: str) -> None:
    with pytest.raises(Invalid) as caught:
        passwords.check_strength(weak)
    assert caught.value.field == "password"
    assert not weak or weak not in caught.value.detail


@pytest.mark.parametrize(
    "good", ["correct horse battery", "k8#Tq!zP0w@Lm4Vx", "qmzkfhwrtnbvxjdp", "пароль для зарядки 42"]
)
def test_good_passwords_are_taken(good: str) -> None:
    passwords.check_strength(good)


def test_keys_are_random_and_looked_up_by_their_hash() -> None:
    key = passwords.generate_key()
    assert key.startswith("csms_")
    assert key != passwords.generate_key()
    assert passwords.hash_key(key) == passwords.hash_key(key)
    assert key not in passwords.hash_key(key)
