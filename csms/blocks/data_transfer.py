"""Block P: vendor messages, by vendor and message id. A file that serves one announces it to `VENDORS`."""

from collections.abc import Awaitable, Callable

from csms.blocks.context import Context
from csms.errors import ConfigurationError
from csms.wire import words
from csms.wire.router import Router

router = Router()

Serve = Callable[[words.DataTransferRequest, Context], Awaitable[words.DataTransferResponse]]


class Vendors:
    """Who serves which vendor message. Two for one is an error at start. Ids are compared as they are."""

    def __init__(self) -> None:
        self._served: dict[str, dict[str, Serve]] = {}

    def on(self, vendor_id: str, message_id: str = "") -> Callable[[Serve], Serve]:
        """Decorator: this function answers the message; without an id, the vendor's only one."""

        def remember(serve: Serve) -> Serve:
            messages = self._served.setdefault(vendor_id, {})
            if message_id in messages:
                raise ConfigurationError("vendors", f"two functions for {vendor_id} {message_id}")
            messages[message_id] = serve
            return serve

        return remember

    async def answer(self, request: words.DataTransferRequest, ctx: Context) -> words.DataTransferResponse:
        """P02.FR.06, P02.FR.07: whom nobody here knows is told so."""
        messages = self._served.get(request.vendor_id)
        if messages is None:
            return words.DataTransferResponse(status="UnknownVendorId")
        serve = messages.get(request.message_id or "")
        if serve is None:
            return words.DataTransferResponse(status="UnknownMessageId")
        return await serve(request, ctx)


VENDORS = Vendors()


@router.on(words.DataTransferRequest)
async def data_transfer(request: words.DataTransferRequest, ctx: Context) -> words.DataTransferResponse:
    """P02: a message of a vendor."""
    return await VENDORS.answer(request, ctx)
