"""Commands to a station that is there: a station of a few lines answers them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.scripted import Here, Station, beside, served


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, Station]]:
    with served(tmp_path_factory.mktemp("server"), "2.0.1") as pair:
        yield pair


def test_commands_give_the_answer(running: tuple[Cli, Station]) -> None:
    csms, station = running
    for arguments, action, answer in (
        (("reset", "C1", "--evse", "1"), "Reset", "Accepted"),
        (("availability", "C1", "Inoperative", "--evse", "1"), "ChangeAvailability", "Accepted"),
        (("unlock", "C1", "--evse", "1"), "UnlockConnector", "Unlocked"),
        (("trigger", "C1", "Heartbeat"), "TriggerMessage", "Accepted"),
        (("clear-cache", "C1"), "ClearCache", "Accepted"),
    ):
        done = csms("station", *arguments)
        assert (done.code, done.out.strip(), done.err) == (0, answer, ""), arguments
        assert station.asked[-1][0] == action
    calls = csms("station", "calls", "C1", "--json").json
    assert {"Reset", "ClearCache"} <= {one["action"] for one in calls if one["state"] == "answered"}
    csms("station", "trigger", "C1", "Nonsense").refused(1, "message")
    csms("station", "call", "C1", "Reset", '{"type":"Never"}').refused(1, "type")


def test_long_ones_are_followed_to_their_end(running: tuple[Cli, Station]) -> None:
    csms, _ = running
    done = csms("station", "report", "C1", "--wait", "--json")
    assert (done.code, done.json["state"]) == (0, "complete")
    shown = csms("station", "variables", "C1", "--component", "TxCtrlr", "--json").json
    assert [one["variable"] for one in shown] == ["StopTxOnInvalidId"]
    csms("station", "log", "C1", "https://logs.example/up", "--wait").refused(1, "UploadFailure")
    number = str(csms("station", "requests", "C1", "--json").json[0]["requestId"])
    assert csms("station", "request", "C1", number, "--json").json["state"] == "failed"


def test_variables_are_read_set_and_brought_to_what_is_recommended(running: tuple[Cli, Station]) -> None:
    csms, station = running
    read = csms(
        "station", "variables", "C1", "--read", "DeviceDataCtrlr.ItemsPerMessage[GetReport]", "--json"
    )
    assert [(one["variableInstance"], one["value"]) for one in read.json] == [("GetReport", "7")]
    done = csms("station", "variables", "C1", "--set", "TxCtrlr.EVConnectionTimeOut=60", "--json")
    assert [one["status"] for one in done.json] == ["Accepted"]
    csms("station", "variables", "C1", "--set", "TxCtrlr").refused(2, "COMPONENT.VARIABLE=VALUE")
    # it was set when the station was onboarded, and has been reported otherwise since
    (drift,) = csms("station", "drift", "C1", "--json").json
    assert (drift["variable"], drift["wanted"], drift["reported"]) == ("StopTxOnInvalidId", "true", "false")
    (advice,) = csms("station", "configure", "C1", "--json").json
    assert (advice["recommended"], advice["status"]) == ("true", "Accepted")
    assert csms("station", "drift", "C1", "--json").json == []
    assert csms("station", "configure", "C1", "--dry-run").out.strip() == "C1 is as recommended."
    csms("token", "add", "TAG9")
    assert csms("station", "local-list", "C1", "--sync", "--json").json["status"] == "Accepted"
    shown = csms("station", "local-list", "C1", "--only", "TAG9", "--json").json
    assert (shown["idTokens"], shown["entries"]) == (["tag9"], 1)
    assert [action for action, _ in station.asked[-2:]] == ["GetLocalListVersion", "SendLocalList"]


def test_reservations_and_tariffs(running: tuple[Cli, Station]) -> None:
    csms, station = running
    assert csms("reservation", "add", "C1", "TAG1", "--evse", "1").out.strip() == "Accepted"
    (shown,) = csms("reservation", "list", "--json").json
    assert (shown["state"], shown["evseId"]) == ("active", 1)
    assert csms("reservation", "cancel", "C1", str(shown["reservationId"])).code == 0
    assert station.asked[-1] == ("CancelReservation", {"reservationId": shown["reservationId"]})
    assert csms("tariff", "add", "day", "--currency", "EUR", "--energy", "0.30").code == 0
    csms("tariff", "add", "x", "--currency", "euro").refused(1, "currency")
    assert csms("tariff", "use", "day", "C1").out.strip() == "Tariff day holds at C1."
    assert [one["energyPerKwh"] for one in csms("tariff", "list", "--json").json] == ["0.30"]
    assert csms("tariff", "remove", "day").code == 0


def test_a_site_is_read_in_or_refused_as_a_whole(running: tuple[Cli, Station], tmp_path: Path) -> None:
    csms, _ = running
    assert csms("site", "add", "yard").code == 0
    assert csms("site", "enrolment", "yard", "--password", "a-long-and-odd-password-73").code == 0
    assert csms("site", "enrolment", "yard").out.strip() == "Enrolment at yard is off."
    file = tmp_path / "site.csv"
    file.write_text("identity,site,securityProfile\nI1,yard,1\nI2,nowhere,1\n")
    csms("station", "import", str(file)).refused(1, "stations.1.site")
    csms("station", "show", "I1").refused(1, "i1")
    file.write_text("identity,site,securityProfile\nI1,yard,1\nI2,yard,\n")
    assert [one["identity"] for one in csms("station", "import", str(file), "--json").json] == ["i1", "i2"]
    toml = tmp_path / "site.toml"
    toml.write_text(
        '[[stations]]\nidentity = "I3"\nsite = "yard"\nevses = [{evseId = 1, maxChargeW = 11000.0}]\n'
    )
    assert csms("station", "import", str(toml), "--json").json[0]["evses"][0]["maxChargeW"] == 11000
    csms("station", "import", str(tmp_path / "none.csv")).refused(2, "cannot be read")


@pytest.fixture
def here(running: tuple[Cli, Station], capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    with beside(running[0], capsys) as command:
        yield command


@pytest.mark.timeout(300)
def test_certificates_monitors_and_displays(running: tuple[Cli, Station], here: Here, tmp_path: Path) -> None:
    _, station = running
    hashes = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "01"}
    chain = [{"certificateType": "CSMSRootCertificate", "certificateHashData": hashes}]
    monitor = {"id": 7, "status": "Accepted", "type": "UpperThreshold", "severity": 5}
    place = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    station.replies = {
        "GetInstalledCertificateIds": {"status": "Accepted", "certificateHashDataChain": chain},
        "SetVariableMonitoring": {"setMonitoringResult": [monitor | place]},
        "UnpublishFirmware": {"status": "Unpublished"},
        "ClearVariableMonitoring": {"clearMonitoringResult": [{"id": 7, "status": "Accepted"}]},
    }
    root = tmp_path / "root.pem"
    root.write_text("-----BEGIN CERTIFICATE-----")
    threshold = ("EVSE.Power", "UpperThreshold", "5000", "--severity", "5", "--evse", "1")
    message = ("Hello", "--id", "3", "--end", "2030-01-01T00:00:00Z")
    for arguments, action in (
        (("certificate", "install", "C1", "CSMSRootCertificate", str(root)), "InstallCertificate"),
        (("certificate", "read", "C1"), "GetInstalledCertificateIds"),
        (("certificate", "delete", "C1", "01"), "DeleteCertificate"),
        (("certificate", "renew", "C1", "--use", "v2g"), "TriggerMessage"),
        (("monitor", "set", "C1", *threshold), "SetVariableMonitoring"),
        (("monitor", "clear", "C1", "7"), "ClearVariableMonitoring"),
        (("monitor", "report", "C1"), "GetMonitoringReport"),
        (("monitor", "base", "C1", "All"), "SetMonitoringBase"),
        (("monitor", "level", "C1", "4"), "SetMonitoringLevel"),
        (("display", "show", "C1", *message), "SetDisplayMessage"),
        (("display", "report", "C1"), "GetDisplayMessages"),
        (("display", "clear", "C1", "3"), "ClearDisplayMessage"),
        (("station", "composite", "C1", "--evse", "1", "--for", "2h", "--unit", "W"), "GetCompositeSchedule"),
        (("station", "profiles", "C1", "--report"), "GetChargingProfiles"),
        (("station", "publish", "C1", "https://f.example/1", "0" * 32), "PublishFirmware"),
        (("station", "unpublish", "C1", "0" * 32), "UnpublishFirmware"),
    ):
        done = here(*arguments)
        assert (done.code, done.err) == (0, ""), (arguments, done.err)
        assert station.asked[-1][0] == action, arguments
    station.replies = {}
    for listing in (
        ("certificate", "list", "C1"), ("certificate", "issued"), ("monitor", "list", "C1"),
        ("display", "list", "C1"), ("station", "profiles", "C1"), ("station", "limits", "C1"),
    ):  # fmt: skip
        found = here(*listing, "--json").json
        assert 3 not in [one.get("messageId") for one in found], listing  # it was cleared
    here("certificate", "delete", "C1", "99").refused(1, "99")
    here("certificate", "revoke", "99").refused(1, "authority")
    here("monitor", "set", "C1", "Power", "UpperThreshold", "1").refused(2, "COMPONENT.VARIABLE")
    here("station", "offer", "C1", "--evse", "1").refused(1, "transaction")
