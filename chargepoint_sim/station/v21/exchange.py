"""One connection in 2.1, with the exact names on the wire: the library's ChargePoint without its conversion.

That also leaves unknown requests of 2.1 without an answer; here each gets one.
"""

import inspect
from typing import Any

from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict
from ocpp.exceptions import NotImplementedError as NotImplementedHere
from ocpp.exceptions import NotSupportedError
from ocpp.messages import Call, MessageType, validate_payload
from ocpp.v21 import call, call_result
from ocpp.v21.enums import Action

from chargepoint_sim.station.exchange import Exchange
from chargepoint_sim.station.v21 import names

_ACTIONS = frozenset(action.value for action in Action)


class ExactExchange(Exchange):
    """What a conversation in 2.1 stands on."""

    _call = call
    _call_result = call_result
    _ocpp_version = "2.1"

    async def call(
        self,
        payload: Any,
        suppress: bool = True,
        unique_id: str | None = None,
        skip_schema_validation: bool = False,
    ) -> Any:
        """Ask the server, as the library's method of this name does; errors are always raised."""
        action = type(payload).__name__
        request = Call(unique_id or str(self._unique_id_generator()), action, _payload(payload))
        if not skip_schema_validation:
            await validate_payload(request, self._ocpp_version)
        async with self._call_lock:
            await self._send(request.to_json())
            response = await self._get_specific_response(request.unique_id, self._response_timeout)
        if response.message_type_id == MessageType.CallError:
            raise response.to_exception()
        if not skip_schema_validation:
            response.action = action
            await validate_payload(response, self._ocpp_version)
        return getattr(call_result, action)(**camel_to_snake_case(response.payload))

    async def _handle_call(self, msg: Call) -> None:
        """Answer the server; whatever goes wrong is an answer too."""
        handler = self.route_map.get(msg.action, {}).get("_on_action")
        if handler is None:
            unknown = NotImplementedHere if msg.action in _ACTIONS else NotSupportedError
            raise unknown(details={"cause": f"{msg.action} is not known here"})
        await validate_payload(msg, self._ocpp_version)
        try:
            answer = handler(**camel_to_snake_case(msg.payload))
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception as failure:
            await self._send(msg.create_call_error(failure).to_json())
            return
        response = msg.create_call_result(_payload(answer))
        await validate_payload(response, self._ocpp_version)
        await self._send(response.to_json())


def _payload(message: object) -> Any:
    """A message of the library as it goes on the wire."""
    return names.written(remove_nones(serialize_as_dict(message)))
