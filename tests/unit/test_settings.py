"""Settings and `configs/csms.toml` are one; wrong keys are named."""

import tomllib
from pathlib import Path

import pytest

from csms.errors import ConfigurationError
from csms.settings import Settings, load

FILE = Path(__file__).parents[2] / "configs" / "csms.toml"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("CSMS_")]:
        monkeypatch.delenv(name)


def test_the_file_holds_every_key_with_its_default() -> None:
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))
    defaults = Settings().model_dump(mode="json")
    assert written == defaults


def test_every_key_of_the_file_is_commented() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    for section in Settings.model_fields:
        assert f"[{section}]" in lines or any(line.startswith(f"{section} =") for line in lines)


def test_the_file_can_be_loaded() -> None:
    assert load(FILE) == Settings()


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[ocpp]\nport = 1234\npath = '/here'\n")
    monkeypatch.setenv("CSMS_OCPP__PORT", "4321")
    settings = load(file)
    assert (settings.ocpp.port, settings.ocpp.path) == (4321, "/here")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[ocpp]\nprot = 1\n", "ocpp.prot"),
        ("[opcc]\nport = 1\n", "opcc"),
        ("[ocpp]\nport = 99999\n", "ocpp.port"),
        ("[ocpp]\nport = 'many'\n", "ocpp.port"),
        ("[clock]\nrate = nan\n", "clock.rate"),
        ("[clock]\nrate = 0\n", "clock.rate"),
        ("[bus]\nurl = 'smoke:'\n", "bus.url"),
        ("[log]\nlevel = 'all'\n", "log.level"),
        ("[ocpp]\nhost = '0.0.0.0'\n", "ocpp.host"),
        ("[api]\nhost = '10.0.0.1'\n", "api.host"),
        ("[ocpp]\nplain = false\n", "ocpp.plain"),
        ("[ocpp]\ntls_certificates = ['a']\n", "ocpp.tls_keys"),
        ("[ocpp]\nclient_ca = 'a'\nclient_organisations = ['O']\n", "ocpp.client_ca"),
        (
            "[ocpp]\ntls_certificates = ['a']\ntls_keys = ['b']\nclient_ca = 'c'\n",
            "ocpp.client_organisations",
        ),
        ("[ocpp]\nclient_crl = 'a'\n", "ocpp.client_crl"),
        ("[ocpp]\ntls_host = '0.0.0.0'\n[clock]\nrate = 15.0\n", "clock.rate"),
        ("[ocpp]\nhost = '0.0.0.0'\nallow_insecure_bind = true\n[clock]\nrate = 15.0\n", "clock.rate"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[ocpp\n")
    with pytest.raises(ConfigurationError, match="not TOML"):
        load(broken)


@pytest.mark.parametrize(
    ("name", "key"), [("CSMS_OPCC__PORT", "CSMS_OPCC__PORT"), ("CSMS_OCPP__PROT", "ocpp.prot")]
)
def test_a_wrong_key_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert caught.value.key == key


def test_a_key_for_the_command_line_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_API_KEY", "x")
    monkeypatch.setenv("CSMS_URL", "http://127.0.0.1:8080")
    assert load() == Settings()
