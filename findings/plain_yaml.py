"""YAML that people write or send: plain values, each key once, and no aliases that multiply a small file."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 100_000
"""Values of a file with its aliases (``*name``) written out; nine lines of aliases can mean a thousand million."""

_OPEN = (0, 0)  # a node whose parts are being counted


class PlainYamlError(ValueError):
    """Text that is no YAML of plain values; the message is a reason without the file's name and without a remedy."""


class _Loader(yaml.CSafeLoader):
    """Safe loader that refuses a key given twice, which YAML libraries silently overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # its keys give way to those written here
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice; keep one of the two", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Return the plain values of a YAML text: no Python objects, no key twice.

    Raises:
        PlainYamlError: no YAML, a key twice, an impossible date, too large, too deep, or too many aliases.
    """
    if len(text) > MAX_BYTES:
        raise PlainYamlError(f"{len(text)} characters; at most {MAX_BYTES} are read")
    loader = _Loader(text)
    try:
        _check_depth(text)
        node = loader.get_single_node()
        if node is None:
            return None
        nodes, depth = _size(node, {})
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise PlainYamlError(
                f"{nodes} values, {depth} levels deep, once its aliases are written out; at most {MAX_NODES} and "
                f"{MAX_DEPTH} are read"
            )
        return loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PlainYamlError(" ".join(str(error).split())) from error
    finally:
        loader.dispose()


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the C loader builds its nodes: it recurses, and a deep file ends the process."""
    too_deep = PlainYamlError(f"nested more than {MAX_DEPTH} levels deep")
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise too_deep
    except yaml.YAMLError as error:  # newer libyaml reads brackets ahead of their events, up to a limit of its own
        if "nesting depth" in str(error):
            raise too_deep from error
        raise


def _size(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values a node holds with its aliases written out, and how deep; ``known`` are those counted."""
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    if id(node) in known:
        if known[id(node)] == _OPEN:
            raise PlainYamlError("an alias that holds itself")
        return known[id(node)]
    known[id(node)] = _OPEN
    children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    sizes = [_size(child, known) for child in children]
    known[id(node)] = 1 + sum(nodes for nodes, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)
    return known[id(node)]
