"""YAML as values that stay small: aliases and nesting are limited, tags are ignored.

A YAML alias repeats a value, and aliases of aliases let ten lines stand for billions of values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from watchme_analysis.config import load_config
from watchme_analysis.files.json_values import shallow
from watchme_analysis.files.limit_notes import limit_reached
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import yaml

# Levels that are read; each takes several nested calls of the YAML library.
_DEEPEST = 50
# The library looks at every open bracket for every token: a megabyte of them would take an hour. In a text
# with more brackets than a person writes, those of more levels than these become text before it is read.
# Lines of comments have no tokens, whatever their brackets.
_MANY_BRACKETS = 1000
_DEEPEST_BRACKETS = 100
_COMMENT = re.compile(r"^[ \t]*#.*", re.M)


def read_yaml(
    text: str,
    problems: list[str] | None = None,
    tags: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
) -> Any:
    """Return the value of a YAML text.

    An alias is kept as its text, ``*name``, if it repeats the value that it is in, or once aliases have
    repeated as many values as a file of settings may have. A value that is nested too deeply is its text, and
    the value of a tag is its plain value, unless ``tags`` has the tag.

    ``problems``: takes a sentence if aliases were kept as text because of the limit; ``tags``: by tag without
    its ``!``: returns what stands for the plain value. Raises yaml.YAMLError, ValueError if the text is not
    YAML, or a value is invalid, such as a date.
    """
    import yaml

    is_bracketed = text.count("[") + text.count("{") > _MANY_BRACKETS
    if is_bracketed and shallow(_COMMENT.sub("", text), _DEEPEST_BRACKETS)[1]:
        text, _ = shallow(text, _DEEPEST_BRACKETS)
    limits = load_config().limits
    most, kept = limits.settings, 0

    class Loader(yaml.SafeLoader):
        """Safe loader with limits."""

        _depth = 0
        _repeated = 0

        def __init__(self, stream: Any) -> None:
            super().__init__(stream)
            self._open: set[str] = set()
            self._sizes: dict[int, int] = {}

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            if isinstance(event, yaml.AliasEvent) and event.anchor in self.anchors:
                self._repeated += self._size(self.anchors[event.anchor])
                if event.anchor in self._open or self._repeated > most:
                    nonlocal kept
                    kept += event.anchor not in self._open
                    self.get_event()  # type: ignore[no-untyped-call]
                    marks: Any = event.start_mark, event.end_mark
                    return yaml.ScalarNode("tag:yaml.org,2002:str", f"*{event.anchor}", *marks)
            if self._depth >= _DEEPEST and self.check_event(yaml.CollectionStartEvent):
                return self._text_of_node()
            anchor = None if isinstance(event, yaml.AliasEvent) else getattr(event, "anchor", None)
            self._depth += 1
            if anchor is not None:
                self._open.add(anchor)
            try:
                return super().compose_node(parent, index)
            finally:
                self._depth -= 1
                self._open.discard(anchor)

        def _size(self, node: yaml.Node) -> int:
            """Return the number of values of a node, those of its aliases included."""
            if id(node) not in self._sizes:
                children = [] if isinstance(node, yaml.ScalarNode) else node.value
                parts = [
                    one for child in children for one in (child if isinstance(child, tuple) else (child,))
                ]
                size = 1 + sum(map(self._size, parts))
                if getattr(node, "end_mark", None) is None:
                    return size
                self._sizes[id(node)] = size
            return self._sizes[id(node)]

        def _text_of_node(self) -> yaml.ScalarNode:
            first = last = self.get_event()  # type: ignore[no-untyped-call]
            depth = 1
            while depth:
                last = self.get_event()  # type: ignore[no-untyped-call]
                depth += isinstance(last, yaml.CollectionStartEvent) - isinstance(
                    last, yaml.CollectionEndEvent
                )
            shown = text[first.start_mark.index : last.end_mark.index]
            return yaml.ScalarNode("tag:yaml.org,2002:str", shown, first.start_mark, last.end_mark)

    def plain(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
        value: Any = None
        if isinstance(node, yaml.MappingNode):
            value = loader.construct_mapping(node, deep=True)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        elif isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        return tags[suffix](value) if suffix in tags else value

    Loader.add_multi_constructor("!", plain)
    value = yaml.load(text, Loader)  # a SafeLoader
    if kept and problems is not None:
        problems.append(
            note("problem-aliases", values=most, aliases=kept, limit=limit_reached(limits, "settings"))
        )
    return value
