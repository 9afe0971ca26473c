"""Who answers which house word."""

from collections.abc import Callable
from typing import Any, TypeVar

from csms.errors import ConfigurationError, OcppError

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


class Router:
    """Handlers by the type of the request they answer. Two for one word is an error at start."""

    def __init__(self) -> None:
        self._handlers: dict[type, Handler] = {}

    def on(self, request: type) -> Callable[[H], H]:
        """Decorator: this function answers `request`."""

        def remember(handler: H) -> H:
            self._add(request, handler)
            return handler

        return remember

    def include(self, other: "Router") -> None:
        """Take over all handlers of another router."""
        for request, handler in other._handlers.items():
            self._add(request, handler)

    def handler(self, request: type) -> Handler:
        """Who answers `request`. Raises `OcppError` NotSupported if nobody does (row 11)."""
        handler = self._handlers.get(request)
        if handler is None:
            raise OcppError("NotSupported", "This action is not served here.")
        return handler

    @property
    def words(self) -> frozenset[type]:
        """All words that are answered."""
        return frozenset(self._handlers)

    def _add(self, request: type, handler: Handler) -> None:
        if request in self._handlers:
            raise ConfigurationError("router", f"two handlers for {request.__name__}")
        self._handlers[request] = handler
