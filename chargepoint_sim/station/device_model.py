"""The station's device model: components, variables, and the rules for reading and writing them (block B)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from chargepoint_sim.clock import Bell


class Mutability(StrEnum):
    """What the server may do with a variable."""

    READ_ONLY = "ReadOnly"
    READ_WRITE = "ReadWrite"
    WRITE_ONLY = "WriteOnly"


class DataType(StrEnum):
    """What a value looks like."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE_TIME = "dateTime"
    OPTION_LIST = "OptionList"
    MEMBER_LIST = "MemberList"
    SEQUENCE_LIST = "SequenceList"


class Verdict(StrEnum):
    """The outcome of reading or writing one attribute."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class Inventory(StrEnum):
    """Which variables a base report holds."""

    FULL = "FullInventory"
    CONFIGURATION = "ConfigurationInventory"
    SUMMARY = "SummaryInventory"


_PlaceKey = tuple[str, int | None, int | None, str | None]
_NameKey = tuple[str, str | None]


@dataclass(frozen=True)
class Place:
    """A component: of the station, of an EVSE or of a connector."""

    component: str
    evse_id: int | None = None
    connector_id: int | None = None
    instance: str | None = None

    def key(self) -> _PlaceKey:
        """Names are compared without case."""
        instance = None if self.instance is None else self.instance.casefold()
        return self.component.casefold(), self.evse_id, self.connector_id, instance


@dataclass
class Variable:
    """One variable, its value and what may be written. `allowed` lists the values of a list type."""

    place: Place
    name: str
    value: str
    mutability: Mutability = Mutability.READ_ONLY
    data_type: DataType = DataType.STRING
    instance: str | None = None
    unit: str | None = None
    lowest: float | None = None
    highest: float | None = None
    allowed: tuple[str, ...] = ()
    reboot: bool = False
    summary: bool = False

    def key(self) -> _NameKey:
        """Names are compared without case."""
        return self.name.casefold(), None if self.instance is None else self.instance.casefold()

    def takes(self, value: str) -> bool:
        """Whether a value may be written."""
        match self.data_type:
            case DataType.INTEGER | DataType.DECIMAL:
                return self._takes_number(value)
            case DataType.BOOLEAN:
                return value.casefold() in ("true", "false")
            case DataType.OPTION_LIST:
                return not self.allowed or value in self.allowed
            case DataType.MEMBER_LIST | DataType.SEQUENCE_LIST:
                members = [member.strip() for member in value.split(",") if member.strip()]
                return not self.allowed or all(member in self.allowed for member in members)
            case _:
                return self._in_range(len(value))

    def _takes_number(self, value: str) -> bool:
        """Whole numbers have 32 bits, as the standard has it."""
        try:
            number = int(value) if self.data_type is DataType.INTEGER else float(value)
        except ValueError:
            return False
        usable = -(2**31) <= number < 2**31 if self.data_type is DataType.INTEGER else math.isfinite(number)
        return usable and self._in_range(number)

    def _in_range(self, number: float) -> bool:
        above = self.lowest is None or number >= self.lowest
        return above and (self.highest is None or number <= self.highest)


def _meant(one: Variable, place: Place, name: str | None) -> bool:
    """Whether a variable is asked for; what is left out of a place or name does not matter."""
    if one.place.component.casefold() != place.component.casefold():
        return False
    if place.instance is not None and place.instance != one.place.instance:
        return False
    if place.evse_id is not None and place.evse_id != one.place.evse_id:
        return False
    if place.connector_id is not None and place.connector_id != one.place.connector_id:
        return False
    return name is None or name.casefold() == one.name.casefold()


@dataclass
class DeviceModel:
    """All variables of a station. `changed` rings after every successful write."""

    variables: list[Variable]
    changed: Bell = field(default_factory=Bell)
    watch: Callable[[Variable, str], None] = lambda variable, before: None
    """Called with every variable that has changed and the value that it had."""
    judge: Callable[[Variable, str], bool] = lambda variable, value: True
    """Whether a value may be written as far as only the station knows."""
    _index: dict[_PlaceKey, dict[_NameKey, Variable]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for variable in self.variables:
            self._index.setdefault(variable.place.key(), {})[variable.key()] = variable

    def get(
        self, place: Place, name: str, instance: str | None = None, attribute: str = "Actual"
    ) -> tuple[Verdict, str | None]:
        """Read an attribute as the server does."""
        verdict, variable = self._find(place, name, instance, attribute)
        if variable is None:
            return verdict, None
        if variable.mutability is Mutability.WRITE_ONLY:  # B06.FR.09
            return Verdict.REJECTED, None
        return Verdict.ACCEPTED, variable.value

    def set(self, place: Place, name: str, instance: str | None, value: str, attribute: str) -> Verdict:
        """Write an attribute as the server does."""
        verdict, variable = self._find(place, name, instance, attribute)
        if variable is None:
            return verdict
        if variable.mutability is Mutability.READ_ONLY or not variable.takes(
            value
        ):  # B05.FR.06 and following
            return Verdict.REJECTED
        if not self.judge(variable, value):
            return Verdict.REJECTED
        self._write(variable, value)
        self.changed.ring()
        return Verdict.REBOOT_REQUIRED if variable.reboot else Verdict.ACCEPTED

    def report(self, inventory: Inventory) -> list[Variable]:
        """The variables of a base report."""
        match inventory:
            case Inventory.FULL:
                return list(self.variables)
            case Inventory.CONFIGURATION:
                return [one for one in self.variables if one.mutability is not Mutability.READ_ONLY]
            case Inventory.SUMMARY:
                return [one for one in self.variables if one.summary]

    def chosen(self, wanted: list[tuple[Place, str | None]], criteria: list[str]) -> list[Variable]:
        """Those of a custom report: named ones (none: all) of components that fulfil all criteria (B08)."""
        return [
            one
            for one in self.variables
            if (not wanted or any(_meant(one, place, name) for place, name in wanted))
            and all(self._fulfils(one.place, criterion) for criterion in criteria)
        ]

    def _fulfils(self, place: Place, criterion: str) -> bool:
        """A component that says nothing has no problem, and is active, available and enabled."""
        said = self._at(place, criterion, None)
        return criterion != "Problem" if said is None else said.value.casefold() == "true"

    def text(self, component: str, name: str, instance: str | None = None) -> str:
        """A value of the station, for the station itself."""
        variable = self._at(Place(component), name, instance)
        if variable is None:
            raise KeyError(f"{component}.{name}")
        return variable.value

    def integer(self, component: str, name: str, instance: str | None = None) -> int:
        """A whole number of the station."""
        return int(self.text(component, name, instance))

    def flag(self, component: str, name: str) -> bool:
        """A yes or no of the station."""
        return self.text(component, name).casefold() == "true"

    def members(self, component: str, name: str) -> frozenset[str]:
        """A list of the station."""
        return frozenset(one.strip() for one in self.text(component, name).split(",") if one.strip())

    def put(self, place: Place, name: str, value: str, instance: str | None = None) -> None:
        """Change a value from inside; no rule applies."""
        variable = self._at(place, name, instance)
        if variable is not None:
            self._write(variable, value)

    def limit(self, component: str, name: str, instance: str | None = None) -> float | None:
        """The most that a variable of the station may be, if it is bounded."""
        variable = self._at(Place(component), name, instance)
        return None if variable is None else variable.highest

    def find(self, place: Place, name: str, instance: str | None = None) -> Variable | Verdict:
        """A variable, or what is unknown of it."""
        verdict, variable = self._find(place, name, instance, "Actual")
        return verdict if variable is None else variable

    def _write(self, variable: Variable, value: str) -> None:
        before, variable.value = variable.value, value
        if before != value:
            self.watch(variable, before)

    def variable(self, place: Place, name: str, instance: str | None = None) -> Variable | None:
        """A variable itself, for the station."""
        return self._at(place, name, instance)

    def _at(self, place: Place, name: str, instance: str | None) -> Variable | None:
        wanted = (name.casefold(), None if instance is None else instance.casefold())
        return self._index.get(place.key(), {}).get(wanted)

    def _find(
        self, place: Place, name: str, instance: str | None, attribute: str
    ) -> tuple[Verdict, Variable | None]:
        if place.key() not in self._index:
            return Verdict.UNKNOWN_COMPONENT, None
        variable = self._at(place, name, instance)
        if variable is None:
            return Verdict.UNKNOWN_VARIABLE, None
        if attribute != "Actual":
            return Verdict.NOT_SUPPORTED_ATTRIBUTE, None
        return Verdict.ACCEPTED, variable
