"""The station's logs and their upload (N01): what happened, and apart from that what concerns security."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.notices import LogNews
from chargepoint_sim.station.transfer import Transfer, TransferFailed, supported


@dataclass(frozen=True)
class LogRequest:
    """A log that the server wants, of a time if it says so."""

    request_id: int
    kind: str
    url: str
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int = 0
    retry_interval_s: float = 30.0


class Logs:
    """Uploads one log at a time; a newer request replaces the one under way (N01.FR.12)."""

    def __init__(self, equipment: Equipment, transfer: Transfer) -> None:
        self._equipment = equipment
        self._transfer = transfer
        self._running: asyncio.Task[None] | None = None
        self._request: LogRequest | None = None

    def order(self, request: LogRequest) -> tuple[str, str | None]:
        """Begin an upload; what the server is answered, and the file's name."""
        if not supported(request.url):
            return "Rejected", None
        canceled = self._running is not None and not self._running.done()
        if canceled and self._running is not None and self._request is not None:
            self._running.cancel()
            self._tell("AcceptedCanceled", self._request)
        stamp = self._equipment.clock.now().strftime("%Y%m%dT%H%M%S")
        name = f"{request.kind}-{stamp}-{request.request_id}.log"
        self._request = request
        self._equipment.spawn(self._upload(request, name))
        return ("AcceptedCanceled" if canceled else "Accepted"), name

    def tell(self) -> None:
        """Say how far it is (F06)."""
        if self._running is not None and not self._running.done() and self._request is not None:
            self._tell("Uploading", self._request)
        else:
            self._equipment.emit(LogNews("Idle", None))

    async def _upload(self, request: LogRequest, name: str) -> None:
        self._running = asyncio.current_task()
        self._tell("Uploading", request)
        content = self._equipment.journal.text(request.kind, request.oldest, request.latest).encode()
        outcome = "UploadFailure"
        for attempt in range(request.retries + 1):
            if attempt:
                await self._equipment.clock.sleep(request.retry_interval_s)
            try:
                await self._transfer.upload(request.url, name, content)
            except TransferFailed as failure:
                self._equipment.observe("upload_failed", {"why": str(failure), "attempt": attempt + 1})
                outcome = "PermissionDenied" if failure.status in (401, 403) else "UploadFailure"
                continue
            outcome = "Uploaded"
            break
        self._tell(outcome, request)

    def _tell(self, status: str, request: LogRequest) -> None:
        self._equipment.emit(LogNews(status, request.request_id))
