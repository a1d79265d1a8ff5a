"""Docker Compose files: the settings of each service, flattened to dotted paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from watchme_analysis.redact import MASK, shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.sources.flatten import flatten
from watchme_analysis.sources.lambda_functions import mask_secrets
from watchme_analysis.sources.raw import RawFile, Source, one_table
from watchme_analysis.sources.storable import frame_of_rows

if TYPE_CHECKING:
    import pandas as pd


# Levels that are read; each takes several calls of the YAML library within each other.
_DEEPEST = 50
_MASKED = "Values that look like secrets are masked in the table ({}), but not in the case's copy of {}."


def _service_settings(service: str, settings: Any) -> Iterator[tuple[str, str]]:
    """Yield path and JSON value of each setting of a service.

    ``environment`` and ``labels`` may be lists of ``KEY=VALUE`` or mappings; both read as mappings. Secrets
    of the environment are masked.
    """
    if not isinstance(settings, dict):
        return
    plain = dict(settings)
    for name in ("environment", "labels"):
        listed = plain.get(name)
        if isinstance(listed, list):
            pairs = (str(item).partition("=") for item in listed)
            plain[name] = {key: value if equals else None for key, equals, value in pairs}
    if isinstance(plain.get("environment"), dict):
        given = {name: value for name, value in plain["environment"].items() if value is not None}
        plain["environment"] = plain["environment"] | mask_secrets(given)
    yield from flatten(plain)


def read_compose(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Read a compose file.

    Returns
    -------
    frame, retrieval
        Table ``compose_settings``: one row per leaf of each service. Top-level networks and volumes stand
        under a null service. A file that YAML refuses is rejected from the line where it breaks.
    """
    content = raw.content
    rejected = [Rejected(raw.relative, 0, content.problem)] if content.problem else []
    value, problem = _load(content.data.decode("utf-8-sig", errors="replace"), raw.relative)
    if problem:
        rejected.append(problem)
    rows: list[dict[str, Any]] = []
    for name, part in value.items():
        if name == "services" and isinstance(part, dict):
            for service, settings in part.items():
                for path, setting in _service_settings(str(service), settings):
                    row = {"service": str(service), "path": path, "value": setting}
                    rows.append({"file": raw.relative} | row)
        else:
            for path, setting in flatten(part, str(name)):
                rows.append({"file": raw.relative, "service": None, "path": path, "value": setting})
    frame = frame_of_rows("compose_settings", rows, raw.remarks)
    masked = sum(MASK in row["value"] for row in rows)
    return frame, Retrieval(
        source="compose",
        origin=raw.relative,
        rows=len(frame),
        rejected=tuple(rejected),
        truncated=bool(rejected),
        notes=(_MASKED.format(masked, raw.relative),) if masked else (),
    )


def _load(text: str, name: str) -> tuple[dict[str, Any], Rejected | None]:
    """Return the YAML mapping, or what stands before the place where YAML refuses it, and the rest."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Safe loader that reads compose's own tags (``!reset``, ``!override``) as their plain value."""

        _depth = 0

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            """Return a node; a value that is nested too deeply is its text."""
            if self._depth >= _DEEPEST and self.check_event(yaml.CollectionStartEvent):
                return self._text_of_node()
            self._depth += 1
            try:
                return super().compose_node(parent, index)
            finally:
                self._depth -= 1

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

    def plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None

    Loader.add_multi_constructor("!", plain)
    lines = text.splitlines(keepends=True)
    keep = len(lines)
    problem = None
    while True:
        try:
            value = yaml.load("".join(lines[:keep]), Loader)  # a SafeLoader
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            at = mark.line + 1 if mark else 1
            reason = getattr(error, "problem", None) or "it is no YAML"
            problem = problem or Rejected(name, at, f"YAML breaks: {reason}")
            keep = min(keep, at) - 1
            continue
        except ValueError as error:
            return {}, Rejected(name, 0, f"YAML holds a value that can't be read: {error}")
        break
    if problem:
        rest = shortened("".join(lines[keep:]), 2000)
        problem = Rejected(name, keep + 1, problem.reason, rest)
    if isinstance(value, dict):
        return value, problem
    if value is None:
        return {}, problem
    return {}, Rejected(name, 1, "a compose file is a mapping, this is not", shortened(text, 2000))


def _looks_like(raw: RawFile) -> bool:
    head = raw.head()
    return (
        not head.strip()
        or re.search(rb"^(services|version|networks|x-[\w-]+|name|include):", head, re.M) is not None
    )


SOURCES = (
    Source(
        name="compose",
        tables=("compose_settings",),
        patterns=("compose*.yml", "compose*.yaml", "*docker-compose*.yml", "*docker-compose*.yaml"),
        looks_like=_looks_like,
        read=one_table("compose_settings", read_compose),
        keep=True,
        samples=(("services:\n  api:\n    mem_limit: 2g\n    ports: ['8017:8017']\n", 2),),
    ),
)
