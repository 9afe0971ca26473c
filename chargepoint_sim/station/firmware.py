"""Updates of the firmware (block L): download, check the signature, wait, install, restart.

An image is a text file: `version: 2.0.0`, and if it is to fail `outcome: InstallationFailed` or
`outcome: InstallVerificationFailed`. Of any other file the version is taken from its name.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.notices import FirmwareNews
from chargepoint_sim.station.transfer import Transfer, TransferFailed
from chargepoint_sim.station.words import SecurityNews

_INSTALLING_S = 10.0
_LOOK_AGAIN_S = 5.0
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_HEADER = re.compile(r"^(version|outcome):\s*(\S+)\s*$", re.MULTILINE)
_UNREADABLE = "InstallVerificationFailed"


class Progress(StrEnum):
    """How far an update is, by OCPP's name."""

    IDLE = "Idle"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADED = "Downloaded"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALLING = "Installing"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    REBOOTING = "InstallRebooting"
    INSTALLED = "Installed"


_AT_REST = (
    Progress.IDLE,
    Progress.DOWNLOAD_FAILED,
    Progress.INVALID_SIGNATURE,
    Progress.INSTALLATION_FAILED,
    Progress.INSTALL_VERIFICATION_FAILED,
    Progress.INSTALLED,
)
_TOO_LATE = (Progress.INSTALLING, Progress.REBOOTING)


@dataclass(frozen=True)
class Update:
    """An update that the server wants. Signature and certificate (PEM) come together or not at all."""

    request_id: int
    url: str
    retrieve_at: datetime
    install_at: datetime | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int = 0
    retry_interval_s: float = 30.0


@dataclass
class Site:
    """What an update needs of the station: `busy` while a transaction runs, `hold` keeps new ones out."""

    busy: Callable[[], bool]
    hold: Callable[[bool], None]
    restart: Callable[[], None]
    trusted: Callable[[str], bool]


class Firmware:
    """The firmware of one station and what happens to it."""

    def __init__(self, equipment: Equipment, site: Site, transfer: Transfer) -> None:
        self.progress = Progress.IDLE
        self._equipment = equipment
        self._site = site
        self._transfer = transfer
        self._update: Update | None = None
        self._running: asyncio.Task[None] | None = None

    def order(self, update: Update) -> str:
        """Begin an update; what the server is answered (L01.FR.22 to L01.FR.24)."""
        if self.progress in _TOO_LATE:
            return "Rejected"
        if update.certificate is not None and not self._site.trusted(update.certificate):
            self._alarm("InvalidFirmwareSigningCertificate")
            return "InvalidCertificate"
        canceled = self._running is not None and not self._running.done()
        if canceled and self._running is not None:
            self._running.cancel()
        self._update = update
        self._equipment.spawn(self._carry_out(update))
        return "AcceptedCanceled" if canceled else "Accepted"

    def tell(self) -> None:
        """Say how far it is (F06); what is over is idle (L01.FR.25, L01.FR.26)."""
        if self.progress in _AT_REST or self._update is None:
            self._equipment.emit(FirmwareNews(Progress.IDLE, None))
        else:
            self._equipment.emit(FirmwareNews(self.progress, self._update.request_id))

    def restarted(self) -> None:
        """The station runs again; if that was for new firmware, it is installed now."""
        if self.progress is Progress.REBOOTING:
            self._site.hold(False)
            self._reach(Progress.INSTALLED)
            self._alarm("FirmwareUpdated")

    async def _carry_out(self, update: Update) -> None:
        self._running = asyncio.current_task()
        try:
            image = await self._fetch(update)
            if image is not None and self._genuine(update, image):
                await self._install(update, image)
        finally:
            if self.progress is not Progress.REBOOTING:
                self._site.hold(False)

    async def _fetch(self, update: Update) -> bytes | None:
        """The image, None if it cannot be had."""
        await self._until(update.retrieve_at, Progress.DOWNLOAD_SCHEDULED)
        for attempt in range(update.retries + 1):
            if attempt:
                await self._equipment.clock.sleep(update.retry_interval_s)
            self._reach(Progress.DOWNLOADING)
            try:
                image = await self._transfer.download(update.url)
            except TransferFailed as failure:
                self._equipment.observe("download_failed", {"why": str(failure), "attempt": attempt + 1})
                continue
            self._reach(Progress.DOWNLOADED)
            return image
        self._reach(Progress.DOWNLOAD_FAILED)
        return None

    def _genuine(self, update: Update, image: bytes) -> bool:
        """Whether the signature holds; an update without one is taken as it is (L02)."""
        if update.certificate is None or update.signature is None:
            return True
        if signed_by(update.certificate, update.signature, image):
            self._reach(Progress.SIGNATURE_VERIFIED)
            return True
        self._reach(Progress.INVALID_SIGNATURE)
        self._alarm("InvalidFirmwareSignature")
        return False

    async def _install(self, update: Update, image: bytes) -> None:
        """When it is time and nobody charges (L01.FR.05 to L01.FR.07)."""
        if update.install_at is not None:
            await self._until(update.install_at, Progress.INSTALL_SCHEDULED)
        self._site.hold(True)
        if self._site.busy() and self.progress is not Progress.INSTALL_SCHEDULED:
            self._reach(Progress.INSTALL_SCHEDULED)
        while self._site.busy():
            await self._equipment.clock.sleep(_LOOK_AGAIN_S)
        self._reach(Progress.INSTALLING)
        await self._equipment.clock.sleep(_INSTALLING_S)
        version, outcome = described(update.url, image)
        if outcome is not None:
            self._reach(Progress(outcome))
            return
        self._equipment.model.put(Place("ChargingStation"), "FirmwareVersion", version)
        self._reach(Progress.REBOOTING)
        self._site.restart()

    async def _until(self, moment: datetime, waiting: Progress) -> None:
        left_s = (moment - self._equipment.clock.now()).total_seconds()
        if left_s > 0.0:
            self._reach(waiting)
            await self._equipment.clock.sleep(left_s)

    def _reach(self, progress: Progress) -> None:
        self.progress = progress
        request_id = None if self._update is None else self._update.request_id
        self._equipment.observe("firmware", {"status": progress.value, "request": request_id})
        self._equipment.emit(FirmwareNews(progress, request_id))

    def _alarm(self, kind: str) -> None:
        self._equipment.emit(SecurityNews(kind, self._equipment.clock.now()))


def described(url: str, image: bytes) -> tuple[str, str | None]:
    """An image's version and, if it cannot be installed, the status that says so."""
    text = image[:4096].decode("utf-8", errors="replace")
    header = dict(_HEADER.findall(text))
    outcome = header.get("outcome")
    if outcome is not None:
        known = outcome in (Progress.INSTALLATION_FAILED, Progress.INSTALL_VERIFICATION_FAILED)
        return "", outcome if known else _UNREADABLE
    named = _VERSION.search(urlsplit(url).path.rpartition("/")[2])
    version = header.get("version") or (named.group() if named else "")
    return version[:50], None if version and image else _UNREADABLE


def signed_by(certificate: str, signature: str, image: bytes) -> bool:
    """Whether a base64 signature over an image is that of a certificate's key: RSA (both paddings) or EC."""
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        raw = base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        return False
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _holds(lambda: key.verify(raw, image, ec.ECDSA(hashes.SHA256())))
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
        return any(
            _holds(lambda scheme=scheme: key.verify(raw, image, scheme, hashes.SHA256()))  # type: ignore[misc]
            for scheme in (pss, padding.PKCS1v15())
        )
    return False


def _holds(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except InvalidSignature:
        return False
    return True
