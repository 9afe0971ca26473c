"""The words in which a message says how EXI writes it: classes of fields with facets in `Annotated`.

A class of this kind is the only table there is; `grammar` reads it. A field's name is its element's name.
`X | None` is an element that may be absent, a tuple one that may come more than once, a `Literal` an
enumeration in the order of its codes, a union of classes a substitution group.
"""

from dataclasses import dataclass

import msgspec


class Element(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An element with elements of its own; its fields stand in the order of the wire."""


class Unsupported(Element, frozen=True):
    """Takes an event code, can be neither written nor read (XML signatures)."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Text:
    """A string of so many characters."""

    most: int = 65_536
    least: int = 0


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes; the schema's hexBinary or base64Binary, which EXI does not tell apart."""

    most: int = 65_536
    least: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """How often an element comes."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Fields side by side with the same number: one of them, or perhaps none if not `needed`."""

    number: int
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Substitution:
    """The element is one of the classes of a union, named after its class; its `head` has a code too."""

    head: str


class Attribute:
    """The field is an XML attribute."""


Int8 = Integer(-(2**7), 2**7 - 1)
Int16 = Integer(-(2**15), 2**15 - 1)
Int32 = Integer(-(2**31), 2**31 - 1)
Int64 = Integer(-(2**63), 2**63 - 1)
UInt8 = Integer(0, 2**8 - 1)
UInt16 = Integer(0, 2**16 - 1)
UInt32 = Integer(0, 2**32 - 1)
UInt64 = Integer(0, 2**64 - 1)
