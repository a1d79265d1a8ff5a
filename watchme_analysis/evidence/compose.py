"""Docker Compose files: settings by service, override files, and resource limits of containers.

Which files are merged follows https://docs.docker.com/reference/cli/docker/compose/: ``compose.yaml`` with
the override file beside it, or the files that a command lists with ``-f``. An overlay such as
``compose.prod.yaml`` that no command lists is merged onto the ``compose.yaml`` beside it, as a variant of its
own. Any other file stands alone. How files are merged follows
https://docs.docker.com/reference/compose-file/merge/: mappings are merged, single values replaced, lists
extended, commands replaced as a whole, and volumes replaced by their path in the container. ``!reset``
removes a setting, and ``!override`` replaces it as a whole.
Defaults of health checks follow https://docs.docker.com/reference/dockerfile/#healthcheck.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from posixpath import basename, dirname, join, normpath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from watchme_analysis.files.evidence_file import RawFile, unpacked_name
from watchme_analysis.files.json_values import flatten, leaf, within_limit
from watchme_analysis.files.lines import split_text
from watchme_analysis.files.storable_values import frame_of_rows
from watchme_analysis.files.yaml_values import read_yaml
from watchme_analysis.redact import MASK, mask_secrets, shortened
from watchme_analysis.retrieval import Rejected, Retrieval
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import note

if TYPE_CHECKING:
    import pandas as pd


# Path below a setting that a later file replaces or removes as a whole.
_ANEW = "!anew"


def _overridden(value: Any) -> Any:
    """Return the value of ``!override`` with a mark; a single value replaces an earlier one anyway."""
    items = dict(enumerate(value)) if isinstance(value, list) else value
    return {_ANEW: True, **items} if isinstance(items, dict) else value


# What stands for the values of Compose's own tags.
_TAGS = MappingProxyType({"override": _overridden, "reset": lambda _: {_ANEW: True}})


def _service_settings(service: str, settings: Any) -> Iterator[tuple[str, str]]:
    """Yield path and JSON value of each setting of a service.

    ``environment`` and ``labels`` may be lists of ``KEY=VALUE`` or mappings; both read as mappings. Secrets
    of the environment are masked.
    """
    if not isinstance(settings, dict):
        return
    plain = dict(settings)
    for name in ("environment", "labels"):
        listed, marked = plain.get(name), {}
        if isinstance(listed, dict) and 0 in listed:
            marked = {key: value for key, value in listed.items() if not isinstance(key, int)}
            listed = [value for key, value in listed.items() if isinstance(key, int)]
        if isinstance(listed, list):
            pairs = (str(item).partition("=") for item in listed)
            plain[name] = marked | {key: value if equals else None for key, equals, value in pairs}
    if isinstance(plain.get("environment"), dict):
        given = {
            name: value for name, value in plain["environment"].items() if value is not None and name != _ANEW
        }
        plain["environment"] = plain["environment"] | mask_secrets(given)
    yield from flatten(plain)


def read_compose(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``compose_settings``, one row per leaf of each service, and the retrieval.

    Top-level networks and volumes are listed under a null service. A file with invalid YAML is rejected from
    the invalid line on.
    """
    content = raw.content
    rejected = [Rejected(raw.relative, 0, content.problem)] if content.problem else []
    value, problems = _load(content.data.decode("utf-8-sig", errors="replace"), raw.relative)
    rejected += problems
    rows, cut = within_limit(_rows(value, raw.relative))
    if cut:
        rejected.append(Rejected(raw.relative, 0, cut))
    frame = frame_of_rows("compose_settings", rows, raw.remarks)
    masked = sum(MASK in row["value"] for row in rows)
    notes = [one.reason for one in rejected if one.line == 0]
    if masked:
        notes.append(note("note-masked", values=masked, file=Resource(raw.relative)))
    return frame, Retrieval(
        source="compose",
        origin=raw.relative,
        rows=len(frame),
        rejected=tuple(rejected),
        truncated=bool(rejected),
        notes=tuple(notes),
    )


def _rows(value: Mapping[str, Any], file: str) -> Iterator[dict[str, Any]]:
    """Yield the leaves of a compose file as rows."""
    for name, part in value.items():
        if name == "services" and isinstance(part, dict):
            for service, settings in part.items():
                for path, setting in _service_settings(str(service), settings):
                    yield {"file": file, "service": str(service), "path": path, "value": setting}
        else:
            for path, setting in flatten(part, str(name)):
                yield {"file": file, "service": None, "path": path, "value": setting}


def _load(text: str, name: str) -> tuple[dict[str, Any], list[Rejected]]:
    """Return the YAML mapping, or the part before the position of a syntax error, and what was not read."""
    import yaml

    lines = split_text(text, keep_ends=True)
    keep = len(lines)
    problem = None
    while True:
        limited: list[str] = []
        try:
            value = read_yaml("".join(lines[:keep]), limited, _TAGS)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            # YAML also counts U+2028 and others as line ends, which no editor does.
            index = mark.index if mark else getattr(error, "position", 0)
            at = text.count("\n", 0, index) + 1
            said = getattr(error, "problem", None) or getattr(error, "reason", None)
            reason = Resource(str(said)) if said else message("compose-no-yaml")
            problem = problem or Rejected(name, at, note("compose-breaks", error=reason))
            keep = min(keep, at) - 1
            continue
        except ValueError as error:
            return {}, [Rejected(name, 0, note("compose-value", error=Resource(str(error))))]
        break
    if problem:
        rest = shortened("".join(lines[keep:]), 2000)
        problem = Rejected(name, keep + 1, problem.reason, rest)
    problems = [*([problem] if problem else []), *(Rejected(name, 0, reason) for reason in limited)]
    if isinstance(value, dict):
        return value, problems
    if value is None:
        return {}, problems
    return {}, [Rejected(name, 1, note("compose-no-mapping"), shortened(text, 2000))]


def looks_like(raw: RawFile) -> bool:
    """Return True when the content has a top-level key of a compose file, or nothing."""
    head = raw.head()
    return (
        not head.strip()
        or re.search(rb"^(services|version|networks|x-[\w-]+|name|include):", head, re.M) is not None
    )


# Names that Compose looks for by itself, preferred names first.
_DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
# A command that starts containers, with its options before the subcommand.
_COMMAND = re.compile(
    r"docker[ -]compose(?P<options>(?:\s+-[\w-]+(?:[ =]\S+)?)*)\s+(?:up|create|start|restart|run)\b"
)
_FILE_OPTION = re.compile(r"(?:^|\s)(?:-f|--file)[ =]?(?P<file>[^\s;&|]+)")
_FILE_VARIABLE = re.compile(r"^\s*(?:export\s+)?COMPOSE_FILE=[\"']?(?P<files>[^\s\"']+)", re.M)
# Settings that a later file replaces as a whole, and lists to which it adds.
_WHOLE = re.compile(r"(command|entrypoint|healthcheck\.test)(\.\d+)?")
_ITEM = re.compile(r"([^.]+(?:\.[^.]+)*?)\.(\d+)((?:\..*)?)")
# Items of these are the same if they have the same path in the container.
_MOUNTS = ("volumes", "devices")
# Settings that are a list of names or a mapping by name.
_NAMED = ("networks", "depends_on")
# An overlay of the file that Compose looks for by itself.
_OVERLAY = re.compile(r"(?:docker-)?compose\..+\.ya?ml")


def in_order(files: Iterable[str], listed: Iterable[tuple[str, ...]] = ()) -> list[tuple[str, ...]]:
    """Return the files of each project in the order in which they override each other.

    ``files`` are relative paths as written, compressed files with their ending. ``listed`` are the files that
    commands list with ``-f``, in order; a missing file is left out.
    """
    known = {unpacked_name(file): file for file in files}
    projects: dict[tuple[str, ...], None] = {}
    for names in listed:
        there = tuple(known[name] for name in names if name in known)
        if there:
            projects[there] = None
    used = {file for project in projects for file in project}
    for folder in dict.fromkeys(dirname(name) for name in known):
        defaults = (known.get(join(folder, name)) for name in _DEFAULT_NAMES)
        overrides = (known.get(join(folder, name)) for name in _OVERRIDE_NAMES)
        first, override = next(filter(None, defaults), None), next(filter(None, overrides), None)
        if first is not None and override is not None and not {first, override} & used:
            projects[first, override] = None
            used |= {first, override}
        overlays = [
            file
            for name, file in known.items()
            if dirname(name) == folder
            and _OVERLAY.fullmatch(basename(name))
            and file not in used
            and file != override
        ]
        if first is not None and overlays:
            if first not in used:
                projects[first,] = None
            projects |= dict.fromkeys((first, overlay) for overlay in overlays)
            used |= {first, *overlays}
    alone = [(file,) for file in known.values() if file not in used]
    order = list(known.values())
    return sorted([*alone, *projects], key=lambda project: (order.index(project[0]), len(project)))


def parse_compose_commands(text: str, name: str) -> tuple[pd.DataFrame, Retrieval]:
    """Return the compose files that commands of a script, ``Makefile`` or systemd unit start containers with.

    The rows of ``compose_settings`` are ``commands.N.files.M`` without a service, relative to the folder of
    the script. Lines are not counted, because the others are irrelevant to this table.
    """
    found: dict[tuple[str, ...], None] = {}
    plain = re.sub(r"\\\s*\n", " ", text)
    for command in _COMMAND.finditer(plain):
        names = [option["file"].strip("\"'") for option in _FILE_OPTION.finditer(command["options"])]
        found[tuple(names)] = None
    for variable in _FILE_VARIABLE.finditer(plain):
        found[tuple(variable["files"].split(":"))] = None
    rows = [
        {
            "file": name,
            "service": None,
            "path": f"commands.{number}.files.{place}",
            "value": json.dumps(normpath(join(dirname(name), file))),
        }
        for number, files in enumerate(filter(None, found))
        for place, file in enumerate(files)
    ]
    notes: list[str] = []
    frame = frame_of_rows("compose_settings", rows, notes)
    return frame, Retrieval(source="compose_command", origin=name, rows=len(frame), notes=tuple(notes))


def read_commands(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the compose files that the commands of a file list, see :func:`parse_compose_commands`."""
    text = raw.content.data.decode("utf-8-sig", errors="replace")
    return parse_compose_commands(text, raw.relative)


def lists_files(raw: RawFile) -> bool:
    """Return True when commands of a file list compose files."""
    text = raw.head().decode("utf-8", errors="replace")
    return bool(parse_compose_commands(text, raw.relative)[0].size)


def _listed_files(settings: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the lists of compose files of all commands in the table."""
    rows = settings[settings["service"].isna() & settings["path"].str.fullmatch(r"commands\.\d+\.files\.\d+")]
    lists: dict[tuple[str, str], list[str]] = {}
    for file, path, value in zip(rows["file"], rows["path"], rows["value"], strict=True):
        lists.setdefault((str(file), path.split(".")[1]), []).append(str(leaf(value)))
    return [tuple(files) for files in lists.values()]


@dataclass(frozen=True)
class _Stated:
    """The value of a setting, and the file that states it."""

    value: Any
    file: str


def merged(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the combined settings of a service of two files, by dotted path."""
    first = {path: _Stated(value, "") for path, value in earlier.items()}
    both = _merged(first, {path: _Stated(value, "") for path, value in later.items()})
    return {path: one.value for path, one in both.items()}


def _merged(earlier: Mapping[str, _Stated], later: Mapping[str, _Stated]) -> dict[str, _Stated]:
    """Return the combined settings of a service by dotted path, each with the file that states it."""
    if _ANEW in later:
        earlier = {}
    holders = {above for path in earlier for above in _above(path)[:-1]}
    # An empty list or mapping adds nothing.
    later = {
        path: one for path, one in later.items() if one.value not in (None, [], {}) or path not in holders
    }
    heads = {path.split(".")[0] for path in earlier} & {path.split(".")[0] for path in later}
    named = [name for name in _NAMED if name in heads]
    earlier, later = _by_name(earlier, named), _by_name(later, named)
    anew = {path.removesuffix(f".{_ANEW}") for path in later if path.endswith(f".{_ANEW}")}
    anew |= {found[1] for path in later if (found := _WHOLE.fullmatch(path))}
    later = {path: one for path, one in later.items() if not path.endswith(_ANEW)}
    holders = {above for path in later for above in _above(path)[:-1]}
    # A single value takes the place of a list or mapping, and the other way round.
    values = {
        path: one
        for path, one in earlier.items()
        if anew.isdisjoint(above := _above(path))
        and later.keys().isdisjoint(above[:-1])
        and path not in holders
    }
    items = _lists(values)
    values |= {path: one for path, one in later.items() if not _ITEM.fullmatch(path)}
    for name, added in _lists(later).items():
        there = items.get(name, {})
        places = {_identity(name, item): place for place, item in there.items()}
        free = max(there, default=-1) + 1
        for item in added.values():
            place = places.setdefault(_identity(name, item), free)
            free = max(free, place + 1)
            former = there.get(place, {})
            if _plain(former) == _plain(item):
                continue
            for rest in former:
                del values[f"{name}.{place}{rest}"]
            there[place] = item
            for rest, one in item.items():
                values[f"{name}.{place}{rest}"] = one
    return values


def _above(path: str) -> list[str]:
    """Return a path and those above it."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _by_name(values: Mapping[str, _Stated], named: Iterable[str]) -> dict[str, _Stated]:
    """Return settings with the short forms of a build, and of lists of names, in their long form."""
    found: dict[str, _Stated] = {}
    for path, one in values.items():
        head, _, rest = path.partition(".")
        if head in named and rest.isdigit():
            found[f"{head}.{one.value}"] = replace(one, value=None)
        elif path == "build" and one.value is not None:
            found["build.context"] = one
        else:
            found[path] = one
    return found


def _lists(values: Mapping[str, _Stated]) -> dict[str, dict[int, dict[str, _Stated]]]:
    """Return the items of each list of settings: by list, by place, by path within the item."""
    found: dict[str, dict[int, dict[str, _Stated]]] = {}
    for path, one in values.items():
        if item := _ITEM.fullmatch(path):
            found.setdefault(item[1], {}).setdefault(int(item[2]), {})[item[3]] = one
    return found


def _plain(item: Mapping[str, _Stated]) -> dict[str, Any]:
    return {rest: one.value for rest, one in item.items()}


def _identity(name: str, item: Mapping[str, _Stated]) -> str:
    """Return what identifies an item of a list: an equal one takes its place."""
    plain = _plain(item)
    if name in _MOUNTS:
        if ".target" in plain:
            return str(plain[".target"])
        source, _, target = str(plain.get("", "")).partition(":")
        return target.partition(":")[0] or source
    return json.dumps(plain, sort_keys=True)


_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNITS_BYTES = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
# Docker's own defaults.
DEFAULT_CHECK_S = {"interval": 30.0, "timeout": 30.0, "start_period": 0.0}
DEFAULT_RETRIES = 3
# Paths of limits: the short form, and the form of deployments.
_LIMITS = {
    "cpus": ("cpus", "deploy.resources.limits.cpus"),
    "memory_bytes": ("mem_limit", "deploy.resources.limits.memory"),
    "processes": ("pids_limit", "deploy.resources.limits.pids"),
    "open_files": ("ulimits.nofile", "ulimits.nofile.soft"),
}


@dataclass(frozen=True)
class HealthCheck:
    """The health check of a container, as set in the file, else with Docker's defaults."""

    test: str  # the command; empty when the file names none and the image's applies
    interval_s: float
    timeout_s: float
    start_period_s: float
    retries: int  # failures in a row that make a container unhealthy

    @property
    def soonest_s(self) -> float:
        """Seconds from a fault to *unhealthy* if each check fails at once, the first immediately."""
        return (self.retries - 1) * self.interval_s

    @property
    def latest_s(self) -> float:
        """Seconds from a fault to *unhealthy* if each check times out and the first starts an interval later.

        The next check starts an interval after the end of the last, so a check that hangs delays it.
        """
        return self.retries * (self.interval_s + self.timeout_s)


@dataclass(frozen=True)
class ComposeService:
    """A service of merged compose files; resource limits are None without a limit in the file."""

    name: str
    file: str  # the first compose file that defines it
    container_name: str  # empty where Compose makes one of project and service
    networks: tuple[str, ...]  # ``default`` if it names none
    network_mode: str  # ``host``, ``none`` or another container's; empty for a network of its own
    # Host address (``0.0.0.0`` for all), host port and container port; as text, since ranges are allowed.
    ports: tuple[tuple[str, str, str], ...]
    cpus: float | None
    memory_bytes: float | None
    processes: float | None
    open_files: float | None
    restart: str  # restart policy; ``no`` if it names none
    command: str  # empty for the image's
    started: str  # entry point and command as a command line or JSON list; empty for those of the image
    dockerfile: str  # relative path; empty if it is not built here
    build_context: str  # relative path of the folder whose files the Dockerfile copies
    # By the file over that of its Dockerfile; None when neither has one, or the file disables it.
    health: HealthCheck | None
    health_disabled: bool
    image_known: bool  # whether the Dockerfile of its image is known, which may have a health check as well
    is_one_shot: bool  # meant to end: a migration, a job, a tool that is started by hand
    environment: Mapping[str, str]  # variables that the file sets, as text
    files: Mapping[str, str]  # the compose file of each setting, by its dotted path; a later file may set it

    def file_of(self, *settings: str) -> str:
        """Return the compose file that sets one of some settings, by their dotted paths or heads of them."""
        return next(iter(self.files_of(*settings)), self.file)

    def files_of(self, *settings: str) -> tuple[str, ...]:
        """Return the compose files that set some settings; empty if none does."""
        found = (
            file
            for setting in settings
            for path, file in self.files.items()
            if path == setting or path.startswith(f"{setting}.")
        )
        return tuple(dict.fromkeys(found))


def compose_services(settings: pd.DataFrame) -> tuple[ComposeService, ...]:
    """Return the services of all compose files in the table ``compose_settings``, in order.

    Each overlay is merged onto its base. A service of a base comes before those of its overlays, and all of
    them have the base as first file.
    """
    rows = settings.dropna(subset=["service"])
    of_images = settings[settings["service"].isna() & settings["path"].str.startswith("image.")]
    by_file: dict[str, dict[str, dict[str, Any]]] = {}
    for file, service, path, text in zip(
        *(rows[name] for name in ("file", "service", "path", "value")), strict=True
    ):
        by_file.setdefault(str(file), {}).setdefault(str(service), {})[path] = leaf(text)
    images: dict[str, dict[str, Any]] = {}
    for file, path, text in zip(*(of_images[name] for name in ("file", "path", "value")), strict=True):
        images.setdefault(str(file), {})[path.removeprefix("image.")] = leaf(text)
    found = []
    for files in in_order(by_file, _listed_files(settings)):
        stated: dict[str, tuple[str, dict[str, _Stated]]] = {}
        for file in files:
            for service in by_file[file]:
                values = _extended(by_file, file, service)
                if values.keys() == {_ANEW}:  # `!reset` of the service
                    stated.pop(service, None)
                    continue
                first, earlier = stated.get(service, (file, {}))
                own = {path: _Stated(value, file) for path, value in values.items()}
                stated[service] = first, _merged(_unlimited(earlier, values), own)
        services = {
            service: (file, {path: one.value for path, one in values.items()})
            for service, (file, values) in stated.items()
        }
        ending = {
            path.split(".")[1]
            for _, values in services.values()
            for path, value in values.items()
            if path.startswith("depends_on.") and value == "service_completed_successfully"
        }
        for service, (file, values) in services.items():
            image = images.get(_build(values, dirname(file))[1], {})
            origins = {path: one.file for path, one in stated[service][1].items()}
            one = _service(service, file, _with_image(image, values), origins)
            found.append(replace(one, is_one_shot=True) if service in ending else one)
    return tuple(found)


def _with_image(image: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service's settings over those of its Dockerfile."""
    checks = {path: value for path, value in image.items() if path.startswith("healthcheck.")}
    return merged(checks, values) | ({"image.base": image["base"]} if "base" in image else {})


def _extended(
    by_file: Mapping[str, Mapping[str, Mapping[str, Any]]],
    file: str,
    service: str,
    seen: tuple[str, ...] = (),
) -> Mapping[str, Any]:
    """Return a service's settings merged over those of the service that it extends, if available."""
    values = by_file[file][service]
    other = str(values.get("extends.service") or values.get("extends") or "")
    source = values.get("extends.file")
    place = normpath(join(dirname(file), str(source))) if source else file
    if other not in by_file.get(place, {}) or f"{place} {other}" in seen:
        return values
    base = _extended(by_file, place, other, (*seen, f"{file} {service}"))
    return merged(_unlimited(base, values), values)


def _unlimited(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return earlier settings without the limits that a later file sets in either form."""
    anew = {path for paths in _LIMITS.values() if any(map(later.get, paths)) for path in paths}
    return {path: value for path, value in earlier.items() if path not in anew}


def _service(name: str, file: str, values: Mapping[str, Any], origins: Mapping[str, str]) -> ComposeService:
    limits = {
        key: next((values[path] for path in paths if values.get(path) is not None), None)
        for key, paths in _LIMITS.items()
    }
    networks = _items(values, "networks")
    context, dockerfile = _build(values, dirname(file))
    disabled = values.get("healthcheck.disable") is True or _items(values, "healthcheck.test") == ["NONE"]
    return ComposeService(
        name=name,
        file=file,
        container_name=str(values.get("container_name") or ""),
        networks=tuple(networks) or ("default",),
        network_mode=str(values.get("network_mode") or ""),
        ports=tuple(_ports(values)),
        cpus=_number(limits["cpus"]),
        memory_bytes=size_bytes(limits["memory_bytes"]),
        processes=_number(limits["processes"]),
        open_files=_number(limits["open_files"]),
        restart=_restart(values),
        command=" ".join(_items(values, "command")),
        started=_started(values),
        dockerfile=dockerfile,
        build_context=context,
        health=None if disabled else _health(values),
        health_disabled=disabled,
        image_known="image.base" in values,
        is_one_shot=_is_one_shot(name, values),
        environment={
            name: str(values[f"environment.{name}"])
            for name in _items(values, "environment")
            if values.get(f"environment.{name}") is not None
        },
        files=dict(origins),
    )


def _restart(values: Mapping[str, Any]) -> str:
    """Return the restart policy, of the short form or of deployments; ``no`` if none is stated."""
    condition = values.get("deploy.restart_policy.condition")
    deployed = {"any": "always", "none": "no"}.get(str(condition), condition)
    return str(values.get("restart") or deployed or "no")


# Names and commands of services that do one thing and end.
_TASK = re.compile(
    r"(?:^|[-_ /])(?:init|migrate|migrations?|alembic|setup|seed|bootstrap|collectstatic|loaddata"
    r"|createbuckets?|createsuperuser|pytest)(?:$|[-_ .:])"
)


def _is_one_shot(name: str, values: Mapping[str, Any]) -> bool:
    """Return True for a service that is meant to end, by what the file states about it."""
    if any(path.startswith(("ports.", "expose.")) for path in values):
        return False
    stated = values.get("restart") is not None or values.get("deploy.restart_policy.condition") is not None
    is_job = str(values.get("deploy.mode") or "").endswith("-job")
    is_by_hand = any(path == "profiles" or path.startswith("profiles.") for path in values)
    is_task = _TASK.search(" ".join([name, *_items(values, "command")])) is not None
    return (
        is_job
        or is_by_hand
        or (stated and _restart(values) in ("no", "on-failure"))
        or (is_task and not stated)
    )


def _build(values: Mapping[str, Any], folder: str) -> tuple[str, str]:
    """Return build context and Dockerfile, relative to the case; empty if the service is not built."""
    if not any(path == "build" or path.startswith("build.") for path in values):
        return "", ""
    context = normpath(join(folder, str(values.get("build") or values.get("build.context") or ".")))
    dockerfile = str(values.get("build.dockerfile") or "Dockerfile")
    return context.removeprefix("."), normpath(join(context, dockerfile))


def _started(values: Mapping[str, Any]) -> str:
    """Return the entry point with the command, as a list if one of them is a list."""
    parts = [values.get(name) for name in ("entrypoint", "command")]
    if all(part is None for part in parts):
        lists = [_items(values, name) for name in ("entrypoint", "command")]
        words = [word for one in lists for word in one]
        return json.dumps(words) if words else ""
    return " ".join(" ".join(_items(values, name)) for name in ("entrypoint", "command")).strip()


def _health(values: Mapping[str, Any]) -> HealthCheck | None:
    if not any(path.startswith("healthcheck.") or path == "healthcheck" for path in values):
        return None
    test = _items(values, "healthcheck.test")
    seconds = {
        name: default if (read := duration_s(values.get(f"healthcheck.{name}"))) is None else read
        for name, default in DEFAULT_CHECK_S.items()
    }
    retries = _number(values.get("healthcheck.retries"))
    words = test[1:] if test[:1] in (["CMD"], ["CMD-SHELL"]) else test
    return HealthCheck(
        " ".join(words),
        seconds["interval"],
        seconds["timeout"],
        seconds["start_period"],
        max(1, int(retries if retries is not None else DEFAULT_RETRIES)),
    )


def _items(values: Mapping[str, Any], path: str) -> list[str]:
    """Return a text, a list or a mapping as a list: of the text, the items or the mapping's names."""
    if path in values:
        only = values[path]
        return [] if only in (None, [], {}) else [str(only)]
    inside = [name[len(path) + 1 :] for name in values if name.startswith(f"{path}.")]
    heads = list(dict.fromkeys(name.split(".")[0] for name in inside))
    if heads and all(head.isdigit() for head in heads):
        return [str(values[f"{path}.{head}"]) for head in heads if f"{path}.{head}" in values]
    return heads


def _ports(values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return host address, host port and container port of the published ports."""
    found = []
    places = dict.fromkeys(name.split(".")[1] for name in values if name.startswith("ports."))
    for place in places:
        short = values.get(f"ports.{place}")
        if short is not None:
            address, host, container = _short_port(str(short))
        else:
            long = {key: values.get(f"ports.{place}.{key}") for key in ("host_ip", "published", "target")}
            address, host, container = (str(value or "") for value in long.values())
        found.append((address or "0.0.0.0", host, container))
    return found


def _short_port(text: str) -> tuple[str, str, str]:
    plain = text.partition("/")[0]
    found = re.fullmatch(
        r"(?:(?P<address>\[[^\]]*\]|[^:\[\]]*):)?(?:(?P<host>[^:]*):)?(?P<inner>[^:]+)", plain
    )
    if found is None:
        return "", "", plain
    if found["host"] is None:
        # One colon: host and container port; without a colon, Docker chooses the host port.
        return "", found["address"] or "", found["inner"]
    return found["address"] or "", found["host"], found["inner"]


def duration_s(text: Any) -> float | None:
    """Return the seconds of a compose duration such as ``1m30s``, ``90s`` or ``500ms``; None if invalid."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    if not isinstance(text, str) or not re.fullmatch(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+", text.strip()):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", text)
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def size_bytes(text: Any) -> float | None:
    """Return the bytes of a compose size such as ``2g``, ``512mb`` or ``1048576``; None if invalid."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)b?", str(text).strip().lower())
    return float(found[1]) * _UNITS_BYTES[found[2] or "b"] if found else None


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
