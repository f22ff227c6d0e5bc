"""The tags of a PDF: its structure tree in reading order, and what on its pages is tagged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, IndirectObject

SHOWS_TEXT = {b"Tj", b"TJ", b"'", b'"'}


@dataclass
class Tag:
    """A structure element: its type, attributes and children, depth first the reading order."""

    kind: str
    alt: str = ""
    scope: str = ""
    children: list[Tag] = field(default_factory=list)

    def walk(self) -> Iterator[Tag]:
        """This element and all below it, in reading order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all_of(self, *kinds: str) -> list[Tag]:
        """Elements of these types, in reading order."""
        return [tag for tag in self.walk() if tag.kind in kinds]


def tree(reader: PdfReader) -> Tag:
    """The structure tree of a document."""
    root: Any = reader.trailer["/Root"]
    return _tag(root["/StructTreeRoot"])


def _tag(node: Any) -> Tag:
    scope = ""
    attributes = node.get("/A")
    for item in attributes if isinstance(attributes, ArrayObject) else [attributes]:
        found = item.get_object() if isinstance(item, IndirectObject) else item
        if isinstance(found, DictionaryObject) and "/Scope" in found:
            scope = str(found["/Scope"])
    tag = Tag(str(node.get("/S", "root")).lstrip("/"), str(node.get("/Alt", "")), scope)
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, ArrayObject) else [kids]:
        child = kid.get_object() if isinstance(kid, IndirectObject) else kid
        if isinstance(child, DictionaryObject) and "/S" in child:
            tag.children.append(_tag(child))
    return tag


@dataclass(frozen=True)
class Shown:
    """A piece of text on a page: whether it is marked (tagged or an artifact), its size and colour."""

    marked: bool
    size: float
    colour: str


def texts(reader: PdfReader) -> Iterator[Shown]:
    """Every piece of text that the pages show."""
    for page in reader.pages:
        yield from _of_page(page, reader)


def _of_page(page: Any, reader: PdfReader) -> Iterator[Shown]:
    depth, size, colour = 0, 0.0, "#000000"
    stack: list[tuple[float, str]] = []
    for operands, operator in ContentStream(page["/Contents"].get_object(), reader).operations:
        if operator in (b"BDC", b"BMC"):
            depth += 1
        elif operator == b"EMC":
            depth -= 1
        elif operator == b"q":
            stack.append((size, colour))
        elif operator == b"Q":
            size, colour = stack.pop()
        elif operator == b"Tf":
            size = float(operands[1])
        elif operator in (b"rg", b"scn", b"sc", b"g"):
            colour = _hex(operands) or colour
        elif operator in SHOWS_TEXT:
            yield Shown(depth > 0, size, colour)


def _hex(operands: list[Any]) -> str:
    try:
        values = [float(value) for value in operands]
    except (TypeError, ValueError):
        return ""
    values = values * 3 if len(values) == 1 else values
    return "#" + "".join(f"{round(255 * value):02x}" for value in values) if len(values) == 3 else ""
