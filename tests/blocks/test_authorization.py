"""Block C."""

from datetime import timedelta
from typing import cast

import pytest

from csms.store.tokens import IdTokenRow
from csms.wire import words
from tests.blocks.bench import START, Bench


async def _authorize(bench: Bench, token: str, type: str = "ISO14443") -> words.IdTokenInfoType:
    request = words.AuthorizeRequest(id_token=words.IdTokenType(id_token=token, type=type))
    return cast(words.AuthorizeResponse, await bench.tell(request)).id_token_info


async def test_c01_fr_07_a_known_token_is_accepted_in_any_spelling(bench: Bench) -> None:
    await bench.add_token(IdTokenRow(token="AbCd", type="ISO14443"))
    assert (await _authorize(bench, "aBcD")).status == "Accepted"


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "NoCredit"])
async def test_c01_fr_07_tc_c_06_a_tokens_own_status_is_told(bench: Bench, status: str) -> None:
    await bench.add_token(IdTokenRow(token="t", type="ISO14443", status=status))
    assert (await _authorize(bench, "t")).status == status


async def test_tc_c_02_an_unknown_token_is_unknown(bench: Bench) -> None:
    assert (await _authorize(bench, "nobody")).status == "Unknown"


async def test_tc_c_07_a_token_past_its_expiry_is_expired(bench: Bench) -> None:
    await bench.add_token(IdTokenRow(token="old", type="ISO14443", expiry=START))
    await bench.add_token(IdTokenRow(token="new", type="ISO14443", expiry=START + timedelta(days=1)))
    assert (await _authorize(bench, "old")).status == "Expired"
    info = await _authorize(bench, "new")
    assert (info.status, info.cache_expiry_date_time) == ("Accepted", "2026-03-02T12:00:00.000Z")


async def test_c01_a_token_under_another_type_is_invalid(bench: Bench) -> None:
    await bench.add_token(IdTokenRow(token="t", type="ISO14443"))
    assert (await _authorize(bench, "t", "KeyCode")).status == "Invalid"


async def test_c02_fr_01_no_authorization_is_accepted(bench: Bench) -> None:
    assert (await _authorize(bench, "", "NoAuthorization")).status == "Accepted"


async def test_c05_a_central_token_is_ours(bench: Bench) -> None:
    assert (await _authorize(bench, "made-up-for-a-remote-start", "Central")).status == "Accepted"
    assert (await _authorize(bench, "", "Central")).status == "Invalid"


async def test_c09_fr_02_the_group_is_told_with_every_status(bench: Bench) -> None:
    await bench.add_token(IdTokenRow(token="a", type="ISO14443", group_token="family"))
    await bench.add_token(IdTokenRow(token="b", type="ISO14443", status="Blocked", group_token="family"))
    for token in ("a", "b"):
        group = (await _authorize(bench, token)).group_id_token
        assert group is not None
        assert group.id_token == "family"


async def test_c07_a_contract_certificate_that_nobody_can_check_is_not_accepted(bench: Bench) -> None:
    token = words.IdTokenType(id_token="DE-ABC-123", type="eMAID")
    answer = await bench.tell(words.AuthorizeRequest(id_token=token, certificate="PEM"))
    assert isinstance(answer, words.AuthorizeResponse)
    assert (answer.id_token_info.status, answer.certificate_status) == ("Invalid", "NoCertificateAvailable")
