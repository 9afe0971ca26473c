"""Notices in the spelling of OCPP 1.6 and its security extension; what it has no word for stays unsaid."""

import json
from typing import Any

from ocpp.v16 import call

from chargepoint_sim.station.notices import FirmwareNews, LogNews, Notice, SigningNews, VendorNews
from chargepoint_sim.station.v16.memory import UNSIGNED

_FIRMWARE = {
    "DownloadScheduled": None,
    "SignatureVerified": None,
    "InstallScheduled": None,
    "InstallRebooting": None,
    "InvalidSignature": "InstallationFailed",
    "InstallVerificationFailed": "InstallationFailed",
}
_DIAGNOSTICS = {"Uploaded": "Uploaded", "Uploading": "Uploading", "Idle": "Idle"}


def written(notice: Notice) -> Any:
    """The library's call for a notice, None where 1.6 has none."""
    match notice:
        case FirmwareNews():
            return _firmware(notice)
        case LogNews():
            return _log(notice)
        case SigningNews():
            return call.SignCertificate(csr=notice.csr)
        case VendorNews():
            data = notice.data if isinstance(notice.data, str | None) else json.dumps(notice.data)
            return call.DataTransfer(vendor_id=notice.vendor_id, message_id=notice.message_id, data=data)
        case _:
            return None


def _firmware(news: FirmwareNews) -> Any:
    """An update with a signature is told by its request; one without in the fewer words of Core."""
    if news.request_id not in (None, UNSIGNED):
        return call.SignedFirmwareStatusNotification(status=news.status, request_id=news.request_id)
    status = _FIRMWARE.get(news.status, news.status)
    return None if status is None else call.FirmwareStatusNotification(status=status)


def _log(news: LogNews) -> Any:
    """A log of GetLog is told by its request, one of GetDiagnostics in the words of Core."""
    if news.request_id not in (None, UNSIGNED):
        return call.LogStatusNotification(status=news.status, request_id=news.request_id)
    if news.status == "AcceptedCanceled":
        return None
    return call.DiagnosticsStatusNotification(status=_DIAGNOSTICS.get(news.status, "UploadFailed"))
