"""Who comes in: section 3 rows 1 to 5, section 2.2 rows 1, 5, 6, 7, 20."""

import asyncio
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from csms.errors import ConfigurationError
from csms.gateway.house import GatewaySettings
from csms.gateway.server import Gateway
from tests.flows.gateway.front import PASSWORD, STATION, Front, basic, front


async def refused(door: Front, *args: object, **options: object) -> InvalidStatus:
    """Knock and be turned away."""
    with pytest.raises(InvalidStatus) as caught:
        async with door.knock(*args, **options):  # type: ignore[arg-type]
            pass
    assert door.gateway.connections == 0
    return caught.value


async def test_row_01_our_best_common_subprotocol_is_chosen(door: Front) -> None:
    async with door.connected(subprotocols=("ocpp1.6", "ocpp2.0.1", "ocpp9")) as client:
        assert client.socket.subprotocol == "ocpp2.0.1"


@pytest.mark.parametrize("offered", [("ocpp1.2",), ("ocpp2.0",), ("OCPP2.0.1",)])
async def test_row_02_tc_b_58_no_common_subprotocol_is_400(door: Front, offered: tuple[str, ...]) -> None:
    assert (await refused(door, subprotocols=offered)).response.status_code == 400


async def test_row_03_no_subprotocol_is_400(door: Front) -> None:
    assert (await refused(door, subprotocols=None)).response.status_code == 400


async def test_row_04_section_2_2_row_06_nobody_learns_which_identities_exist(door: Front) -> None:
    """Unknown identity, wrong password, wrong user name, another security profile: the same bytes."""
    await door.add_station("cs-2", security_profile=2)
    answers = [
        (await refused(door, "nobody")).response,
        (await refused(door, password="wrong")).response,
        (await refused(door, name="cs-2")).response,
        (await refused(door, "cs-2")).response,
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({bytes(answer.body or b"") for answer in answers}) == 1
    headers = [
        {key: value for key, value in answer.headers.raw_items() if key != "Date"} for answer in answers
    ]
    assert headers == headers[:1] * 4
    assert headers[0]["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_row_05_compression_is_accepted_when_offered(door: Front, compression: str | None) -> None:
    async with door.connected(compression=compression) as client:
        names = [extension.name for extension in client.socket.protocol.extensions]
        assert names == (["permessage-deflate"] if compression else [])
        assert "currentTime" in await client.result("Heartbeat", {})


async def test_tc_a_01_the_right_credentials_are_let_in_in_any_case_of_the_identity(door: Front) -> None:
    async with door.connected("CS-1") as client:
        assert "currentTime" in await client.result("Heartbeat", {})
    async with door.connected("%43s-1", name="cs-1"):
        pass


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "Basic Y3MtMQ==",
        "Basic /w==",
        basic(STATION, PASSWORD) + ", x",
    ],
)
@pytest.mark.parametrize("path", ["/ocpp/cs-1", "/ocpp/nobody"])
async def test_section_2_2_row_01_no_upgrade_without_credentials(
    door: Front, authorization: str, path: str
) -> None:
    client = await door.raw("", authorization=authorization, path=path)
    assert client.status == 401
    client.abort()


@pytest.mark.parametrize("path", ["/", "/ocpp", "/ocpp/", "/ocpp2.0.1/cs-1", "/api/cs-1", "/ocpp/cs-1/x"])
async def test_section_2_2_row_01_nothing_is_served_elsewhere(door: Front, path: str) -> None:
    client = await door.raw("", authorization=basic(STATION, PASSWORD), path=path)
    assert client.status in (400, 404)
    client.abort()


@pytest.mark.parametrize(
    "identity",
    [
        "cs%2F1",
        "cs%2D1%00",
        "%2563s-1",
        "cs-1/",
        "..%2Fcs-1",
        "cs-1?x=1",
        "cs%0d%0a1",
        "a" * 49,
        "%zz",
        "cs%C3%A9",
        "a:b",
    ],
)
async def test_section_2_2_row_07_identities_outside_the_alphabet_are_400(door: Front, identity: str) -> None:
    client = await door.raw(identity, authorization=basic(STATION, PASSWORD))
    assert client.status == 400
    client.abort()


async def test_section_2_2_row_05_guessing_is_slowed_for_the_guesser_alone() -> None:
    async with front(failed_per_identity=3) as door:
        await door.add_station("cs-2")
        for _ in range(3):
            assert (await refused(door, password="guess")).response.status_code == 401
        answer = (await refused(door)).response
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        async with door.connected("cs-2"):
            pass


async def test_section_2_2_row_05_known_stations_come_in_from_an_address_that_guesses() -> None:
    async with front(failed_per_address=3) as door:
        await door.add_station("cs-2")
        async with door.connected():
            pass
        await door.connections(0)
        for number in range(3):
            assert (await refused(door, f"nobody-{number}")).response.status_code == 401
        assert (await refused(door, "cs-2")).response.status_code == 429
        async with door.connected():
            pass


async def test_section_2_2_row_20_a_browser_is_refused(door: Front) -> None:
    headers = {"Authorization": basic(STATION, PASSWORD), "Origin": "https://example.org"}
    assert (await refused(door, headers=headers)).response.status_code == 403


async def test_a_request_that_is_no_upgrade_leaves_nothing_behind(door: Front) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.gateway.port)
    lines = (
        "GET /ocpp/cs-1 HTTP/1.1",
        "Host: localhost",
        "Sec-WebSocket-Protocol: ocpp2.0.1",
        f"Authorization: {basic(STATION, PASSWORD)}",
    )
    writer.write("\r\n".join((*lines, "", "")).encode())
    assert b" 426 " in await reader.readline()
    writer.transport.abort()
    async with door.connected():
        assert door.gateway.connections == 1


async def test_t_03_plain_sockets_are_for_loopback_only(door: Front) -> None:
    def gateway(settings: GatewaySettings) -> Gateway:
        return Gateway(replace(door.gateway.house, settings=settings))

    with pytest.raises(ConfigurationError, match=r"ocpp\.host"):
        gateway(GatewaySettings(host="0.0.0.0"))
    gateway(GatewaySettings(host="0.0.0.0", allow_insecure_bind=True))
    for host in ("127.0.0.1", "::1", "localhost"):
        gateway(GatewaySettings(host=host))
