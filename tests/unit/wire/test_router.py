"""Who answers which word."""

import pytest

from csms.errors import ConfigurationError, OcppError
from csms.wire.router import Router
from csms.wire.words import HeartbeatRequest, ResetRequest


def test_a_handler_is_found_by_its_word() -> None:
    router, whole = Router(), Router()

    @router.on(HeartbeatRequest)
    def heartbeat() -> None: ...

    whole.include(router)
    assert whole.handler(HeartbeatRequest) is heartbeat
    assert whole.words == {HeartbeatRequest}


def test_row_11_a_word_without_handler_is_not_supported() -> None:
    with pytest.raises(OcppError) as caught:
        Router().handler(ResetRequest)
    assert caught.value.code == "NotSupported"


def test_two_handlers_for_one_word_are_an_error() -> None:
    one, two = Router(), Router()
    one.on(HeartbeatRequest)(print)
    two.on(HeartbeatRequest)(len)
    with pytest.raises(ConfigurationError):
        one.on(HeartbeatRequest)(len)
    with pytest.raises(ConfigurationError):
        one.include(two)
