"""From the bytes of topology.yaml to a tree of nodes with places.

PyYAML's parser (libyaml) gives events with marks; the tree is made here, because what a composer would let pass is
refused: doubled keys, aliases that multiply, custom tags, deep nesting, several documents. Nothing recurses before
the depth is known to be small.
"""

from __future__ import annotations

import re
from typing import Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ironstream.topology.faults import Fault, quote
from ironstream.topology.nodes import Node, Scalar
from ironstream.topology.scalars import CORE_TAG, resolve, resolve_tagged
from ironstream.topology.syntax import explain

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 32
MAX_ALIASES: Final = 64
MAX_ALIASED_NODES: Final = 10_000

_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_MERGE_KEY: Final = "<<"


class _Refused(Exception):
    """The rest of the file cannot be read; the fault is already noted."""


def load(data: bytes, filename: str = "topology.yaml") -> tuple[Node | None, list[Fault]]:
    """Read one YAML document.

    Returns its tree, whose root is a mapping, or None when it cannot be read to the end, and all faults found.
    """
    loader = _TreeBuilder(filename)
    try:
        return loader.build(loader.decode(data)), loader.faults
    except _Refused:
        return None, loader.faults


class _TreeBuilder:
    """Builds the tree of one file and collects its faults."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.faults: list[Fault] = []
        self._anchors: dict[str, Node] = {}
        self._open: list[Node] = []
        self._pending_keys: list[tuple[str, int, int] | None] = []
        self._aliases = 0
        self._aliased_nodes = 0

    def _note(self, line: int, column: int, message: str, mend: str) -> None:
        self.faults.append(Fault("error", line, column, "", message, mend, self.filename))

    def _refuse(self, line: int, column: int, message: str, mend: str) -> _Refused:
        self._note(line, column, message, mend)
        return _Refused()

    def decode(self, data: bytes) -> str:
        """The text of the file, known to be UTF-8 without control characters and not too large."""
        if len(data) > MAX_BYTES:
            mend = "move what is alike in many assets into machine_types, or parts into files under `include`"
            raise self._refuse(1, 1, f"the file has {len(data)} bytes, more than the {MAX_BYTES} that are read", mend)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as err:
            before = data[: err.start]
            column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
            message = f"byte 0x{data[err.start]:02x} is not UTF-8"
            raise self._refuse(before.count(b"\n") + 1, column, message, "save the file as UTF-8") from None
        if found := _CONTROL.search(text):
            before_text = text[: found.start()]
            name = "a NUL" if found.group() == "\0" else f"the control character {quote(found.group())}"
            line, column = before_text.count("\n") + 1, found.start() - before_text.rfind("\n")
            raise self._refuse(line, column, f"the file has {name} in it", "remove the character")
        return text

    def build(self, text: str) -> Node | None:
        """The tree of the one document in `text`."""
        root: Node | None = None
        documents = 0
        try:
            for event in yaml.parse(text, Loader=_Parser):
                if isinstance(event, ScalarEvent):
                    root = self._scalar(event) or root
                elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
                    root = self._start(event) or root
                elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                    self._open.pop()
                    self._pending_keys.pop()
                elif isinstance(event, AliasEvent):
                    self._alias(event)
                elif isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        line, column = _place_of(event)
                        mend = "remove the line `---` and what follows, or put it into a file of its own"
                        raise self._refuse(line, column, "a second document starts here", mend)
        except yaml.YAMLError as err:
            line, column, message, mend = explain(err, text)
            raise self._refuse(line, column, message, mend) from None
        if root is None or root.value is None:
            raise self._refuse(1, 1, "the file is empty", "start with `version: 1`")
        if not isinstance(root.value, dict):
            raise self._refuse(root.line, root.column, "the file is not a mapping", "start with `version: 1`")
        return root

    def _start(self, event: MappingStartEvent | SequenceStartEvent) -> Node | None:
        line, column = _place_of(event)
        self._check_tag(event.tag, line, column, ("map", "seq"))
        if self._open and self._awaits_key():
            raise self._refuse(line, column, "a key is a list or a mapping", "use a name as the key")
        if len(self._open) >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise self._refuse(line, column, message, "flatten the structure")
        node = Node({} if isinstance(event, MappingStartEvent) else [], line, column)
        placed = self._place(node, event.anchor)
        self._open.append(node)
        self._pending_keys.append(None)
        return placed

    def _scalar(self, event: ScalarEvent) -> Node | None:
        line, column = _place_of(event)
        text = event.value
        if self._open and self._awaits_key():
            self._pending_keys[-1] = (text, line, column)
            return None
        value: Scalar = text
        if event.tag is None:
            if event.implicit[0]:
                value = resolve(text)
        elif self._check_tag(event.tag, line, column, ("str", "int", "float", "bool", "null")):
            try:
                value = resolve_tagged(event.tag, text)
            except ValueError as err:
                self._note(line, column, str(err), "remove the tag")
        return self._place(Node(value, line, column), event.anchor)

    def _alias(self, event: AliasEvent) -> None:
        line, column = _place_of(event)
        name = quote(event.anchor)
        target = self._anchors.get(event.anchor or "")
        if target is None:
            mend = "declare the anchor before its use, or quote a text that starts with `*`"
            raise self._refuse(line, column, f"alias {name} has no anchor above it", mend)
        if target in self._open:
            raise self._refuse(line, column, f"alias {name} contains itself", "write the value out")
        if self._awaits_key():
            raise self._refuse(line, column, f"alias {name} is used as a key", "write the key out")
        self._aliases += 1
        self._aliased_nodes += target.count()
        if self._aliases > MAX_ALIASES or self._aliased_nodes > MAX_ALIASED_NODES:
            message = f"more than {MAX_ALIASES} aliases, or {MAX_ALIASED_NODES} values through aliases"
            raise self._refuse(line, column, message, "declare a machine_type in place of repeated parts")
        self._place(target.copy(), None)

    def _awaits_key(self) -> bool:
        return isinstance(self._open[-1].value, dict) and self._pending_keys[-1] is None

    def _check_tag(self, tag: str | None, line: int, column: int, kinds: tuple[str, ...]) -> bool:
        if tag is None or (tag.startswith(CORE_TAG) and tag.removeprefix(CORE_TAG) in kinds):
            return True
        mend = "remove the tag"
        if tag.startswith("!include"):
            mend = "name the file under `include:` of topology.yaml, as `include: [assets/*.yaml]`"
        self._note(line, column, f"tag {quote(tag)} is not known here", mend)
        return False

    def _place(self, node: Node, anchor: str | None) -> Node | None:
        """Put a node under the open one; returns it when it is the root."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            return node
        parent = self._open[-1]
        node.parent = parent
        if isinstance(parent.value, list):
            node.key = len(parent.value)
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            pending = self._pending_keys[-1]
            assert pending is not None, "a value follows its key"
            node.key, node.key_line, node.key_column = pending
            self._pending_keys[-1] = None
            self._put(parent.value, node)
        return None

    def _put(self, siblings: dict[str, Node], node: Node) -> None:
        key = str(node.key)
        if key == _MERGE_KEY:
            mend = "declare a machine_type with what is alike, and name it in each asset"
            self._note(node.key_line, node.key_column, "merge keys (`<<`) are not read", mend)
        elif key in siblings:
            message = f"key {quote(key)} is given twice, first in line {siblings[key].key_line}"
            self._note(node.key_line, node.key_column, message, "remove one of the two")
        else:
            siblings[key] = node


def _place_of(event: yaml.Event) -> tuple[int, int]:
    """Line and column of an event, from 1."""
    mark = event.start_mark
    assert mark is not None, "a parser of text marks every event"
    return mark.line + 1, mark.column + 1
