"""The requests of a whole session of ISO 15118-20, and steps on the way."""

from chargepoint_sim.ev.vehicle import Current
from chargepoint_sim.iso15118.appprotocol.messages import AppProtocolType, supportedAppProtocolReq
from chargepoint_sim.iso15118.evcc import Plan
from chargepoint_sim.iso15118.v20 import vehicle
from chargepoint_sim.iso15118.v20.vehicle import State as EvState
from tests.unit.chargepoint_sim.iso15118.table import Table

PLAN = Plan(vehicle.DIALECTS)


COMMON = [
    "supportedAppProtocolReq",
    "SessionSetupReq",
    "AuthorizationSetupReq",
    "AuthorizationReq",
    "ServiceDiscoveryReq",
    "ServiceDetailReq",
    "ServiceSelectionReq",
]


DC = [
    *COMMON,
    "DC_ChargeParameterDiscoveryReq",
    "ScheduleExchangeReq",
    "DC_CableCheckReq",
    "DC_PreChargeReq",
    "PowerDeliveryReq",
    "DC_ChargeLoopReq",
    "PowerDeliveryReq",
    "DC_WeldingDetectionReq",
    "SessionStopReq",
]


AC = [
    *COMMON,
    "AC_ChargeParameterDiscoveryReq",
    "ScheduleExchangeReq",
    "PowerDeliveryReq",
    "AC_ChargeLoopReq",
    "PowerDeliveryReq",
    "SessionStopReq",
]


SEQUENCES = {Current.AC: AC, Current.DC: DC}


async def to_the_loop(table: Table) -> None:
    await table.advance(3)
    assert table.evcc.state is EvState.LOOP


def handshake(
    namespace: str = "urn:iso:std:iso:15118:-20:DC", major: int = 1, minor: int = 0
) -> supportedAppProtocolReq:
    offer = AppProtocolType(
        ProtocolNamespace=namespace,
        VersionNumberMajor=major,
        VersionNumberMinor=minor,
        SchemaID=7,
        Priority=1,
    )
    return supportedAppProtocolReq(AppProtocol=(offer,))
