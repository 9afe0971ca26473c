"""A station's view of us: what text comes back for what text."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from csms.errors import OcppError
from csms.wire import session as s
from csms.wire.v201 import DIALECT


class Peer:
    """Our end of one connection, answering every call that can be read with an empty answer."""

    def __init__(self, rules: s.Rules = DIALECT.rules) -> None:
        self.session = s.Session(rules)
        self.words: list[object] = []

    def texts(self, text: str | bytes) -> list[str]:
        """What is sent back."""
        match self.session.receive(text):
            case s.CallReceived(id, action, payload):
                return [self._answer(id, action, payload)]
            case s.RepeatedCall(answer=answer):
                return [answer]
            case s.BadFrame(answer=str(answer)):
                return [answer]
        return []

    def _answer(self, id: str, action: str, payload: bytes) -> str:
        try:
            self.words.append(DIALECT.read_call(action, payload))
        except OcppError as error:
            return self.session.refuse(id, error)
        return self.session.answer(id, b"{}")

    def reply(self, text: str | bytes) -> list[Any]:
        """The one frame that is sent back."""
        (sent,) = self.texts(text)
        frame: list[Any] = json.loads(sent)
        return frame

    def code(self, text: str | bytes) -> tuple[str, str]:
        """Id and code of the one CALLERROR that is sent back; it has a description and no details."""
        kind, id, code, description, details = self.reply(text)
        assert (kind, details) == (4, {})
        assert isinstance(description, str)
        assert len(description) <= 255
        return id, code


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="session")
def new_peer() -> Callable[..., Peer]:
    return Peer
