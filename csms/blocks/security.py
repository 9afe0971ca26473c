"""Block A: security events."""

from csms.blocks.context import Context
from csms.domain.facts import SecurityAlarmRaised
from csms.store import journal, stations
from csms.wire import words
from csms.wire.router import Router

router = Router()

# Security events appendix v1.4: these must be sent by a station.
CRITICAL = frozenset(
    {
        "DiscardedRenewedClientCertificate",
        "FirmwareUpdated",
        "InvalidChargingStationCertificate",
        "InvalidCsmsCertificate",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidTLSCipherSuite",
        "InvalidTLSVersion",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
        "MemoryExhaustion",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "TamperDetectionActivated",
    }
)

# After these a station may not be what it says: no discharge until a person clears the hold.
HOLDS_DISCHARGE = frozenset(
    {
        "InvalidFirmwareSignature",
        "MaintenanceLoginAccepted",
        "SecurityLogWasCleared",
        "SettingSystemTime",
        "TamperDetectionActivated",
    }
)


@router.on(words.SecurityEventNotificationRequest)
async def security_event(event: words.SecurityEventNotificationRequest, ctx: Context) -> None:
    """A04: keep every security event (A04.FR.02), unknown types too; alarm for the critical ones."""
    ctx.keep(journal.security_event(ctx.station.id, event.type, event.timestamp, ctx.now, event.tech_info))
    if event.type in HOLDS_DISCHARGE:
        ctx.keep(stations.held(ctx.station.id, event.type))
    if event.type in CRITICAL:
        ctx.emit(SecurityAlarmRaised(ctx.now, ctx.station.id, event.type))
