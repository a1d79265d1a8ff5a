"""A Dockerfile as build stages: what starts, and under which name a file of the case lies in the image.

See https://docs.docker.com/reference/dockerfile/#copy. Only the last stage becomes the image.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname, join, normpath, relpath

from watchme_analysis.files.evidence_file import is_file_below
from watchme_analysis.files.json_values import read_json
from watchme_analysis.files.lines import split_text
from watchme_analysis.text.message import Message, Quotation
from watchme_analysis.text.render import message_of_error, note, text_of_error

# Folders above the Dockerfile that are tried as its build context.
_MOST_FOLDERS = 4


@dataclass(frozen=True, slots=True)
class Instruction:
    """A ``CMD`` or ``ENTRYPOINT``: line number, and the rest of the line as written."""

    line: int
    text: str

    @property
    def is_exec(self) -> bool:
        """True for the exec form, a JSON list."""
        return self.text.startswith("[")


@dataclass(frozen=True, slots=True)
class Copy:
    """A ``COPY`` or ``ADD``: sources, absolute destination, and the stage that they come from, if any."""

    sources: tuple[str, ...]
    destination: str
    is_folder: bool
    stage: str | None


@dataclass(slots=True)
class Stage:
    """A build stage: its base, names, working directory, variables, copies, and what it starts.

    ``healthcheck`` has the settings of its health check under the names of Compose; empty without one.
    """

    base: str
    name: str
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    command: Instruction | None = None
    entrypoint: Instruction | None = None
    inherited_command: Instruction | None = None
    healthcheck: dict[str, str] = field(default_factory=dict)

    def started(self) -> list[Instruction]:
        """Return what the image may start, the whole command first.

        The command of an exec form is appended to the entry point; a shell form ignores it.
        """
        entrypoint, command = self.entrypoint, self.command
        if entrypoint is None or command is None:
            return [one for one in (entrypoint, command) if one is not None]
        if entrypoint.is_exec and command.is_exec:
            words = [*exec_words(entrypoint.text), *exec_words(command.text)]
            return [Instruction(command.line, json.dumps(words))]
        return [entrypoint, command] if entrypoint.is_exec else [entrypoint]


def exec_words(text: str) -> list[str]:
    """Return the words of a command in exec form, a JSON list of texts; ValueError if it is no JSON."""
    return [str(word) for word in read_json(text)]


# Sentences of the module shlex.
_OF_SHLEX = {"No closing quotation": "reject-shell-quote", "No escaped character": "reject-shell-escape"}


def reason_of_command(error: ValueError) -> str:
    """Return the reason why a command can't be read."""
    if isinstance(message_of_error(error), Message):
        return text_of_error(error)
    known = _OF_SHLEX.get(str(error))
    return note(known) if known else note("reject-shell", error=Quotation(str(error)))


def logical_lines(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield first line number, number of lines and text, lines ending in a backslash joined."""
    lines = split_text(text)
    at = 0
    while at < len(lines):
        first, line = at, lines[at]
        while line.rstrip().endswith("\\") and at + 1 < len(lines):
            at += 1
            line = line.rstrip()[:-1] + " " + lines[at].strip()
        at += 1
        yield first + 1, at - first, line


HEREDOC = re.compile(r"(?<!<)<<(?!<)-?\s*[\"']?(\w+)")
_INSTRUCTIONS = frozenset(
    {
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL",
        "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    }
)  # fmt: skip


def build_stages(  # noqa: PLR0912 - one branch for each instruction
    text: str, rejected: list[tuple[int, str, str]] | None = None
) -> list[Stage]:
    """Return the stages of a Dockerfile in order; a stage begins with what the stage below it has.

    ``rejected`` receives line, reason and text of each instruction that can't be read.
    """
    stages: list[Stage] = []
    problems = [] if rejected is None else rejected
    heredoc = ""
    for number, _, line in logical_lines(text):
        if heredoc:
            heredoc = "" if line.strip() == heredoc else heredoc
            continue
        word, _, rest = line.strip().partition(" ")
        word, rest = word.upper(), rest.strip()
        if word not in _INSTRUCTIONS:
            if word and not word.startswith("#"):
                problems.append((number, note("reject-no-instruction"), line))
            continue
        begun = HEREDOC.search(rest)
        heredoc = begun[1] if begun and word in ("RUN", "COPY", "ADD") else ""
        if word == "FROM":
            stages.append(_stage(rest, stages))
            continue
        if not stages:
            stages.append(Stage("", "0"))
        at = stages[-1]
        if word == "WORKDIR":
            at.workdir = normpath(join(at.workdir, _expanded(rest.strip("\"'"), at.environment)))
        elif word == "ENV":
            at.environment |= dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", rest)) or dict([_pair(rest)])
        elif word in ("COPY", "ADD"):
            try:
                at.copies += _copy(rest, at)
            except ValueError as error:
                problems.append((number, reason_of_command(error), line))
        elif word == "HEALTHCHECK":
            at.healthcheck = _healthcheck(rest)
        elif word == "CMD":
            at.command = Instruction(number, rest)
        elif word == "ENTRYPOINT":
            at.entrypoint = Instruction(number, rest)
            # An image that sets an entry point loses the command of its base image.
            at.command = None if at.command is at.inherited_command else at.command
    return stages


def _stage(rest: str, stages: list[Stage]) -> Stage:
    words = [word for word in rest.split() if not word.startswith("--")]
    base = words[0] if words else ""
    name = words[2] if len(words) > 2 and words[1].upper() == "AS" else str(len(stages))
    below = _named(base, stages)
    if below is None:
        return Stage(base, name)
    return Stage(
        base,
        name,
        below.workdir,
        dict(below.environment),
        list(below.copies),
        below.command,
        below.entrypoint,
        below.command,
        dict(below.healthcheck),
    )


_HEALTH_OPTION = re.compile(r"--(?P<name>interval|timeout|start-period|retries)=(?P<value>\S+)")


def _healthcheck(rest: str) -> dict[str, str]:
    """Return the settings of a HEALTHCHECK instruction by their names in Compose; empty for NONE."""
    _, _, command = rest.partition("CMD")
    if rest.strip().upper() == "NONE" or not command.strip():
        return {}
    options = {found["name"].replace("-", "_"): found["value"] for found in _HEALTH_OPTION.finditer(rest)}
    return {"test": command.strip(), **options}


def _named(name: str, stages: list[Stage]) -> Stage | None:
    for number, stage in enumerate(stages):
        if name.lower() == stage.name.lower() or name == str(number):
            return stage
    return None


def _pair(rest: str) -> tuple[str, str]:
    """Return name and value of the old form ``ENV NAME value``."""
    name, _, value = rest.partition(" ")
    return name, value.strip()


def _expanded(text: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: environment.get(found[1], found[0]), text)


def _copy(rest: str, stage: Stage) -> Iterator[Copy]:
    words = shlex.split(rest) if not rest.startswith("[") else exec_words(rest)
    if rest.startswith("--") and "[" in rest:
        flags, _, listed = rest.partition("[")
        words = [*flags.split(), *exec_words(f"[{listed}")]
    options = [word for word in words if word.startswith("--")]
    names = [_expanded(word, stage.environment) for word in words if not word.startswith("--")]
    if len(names) < 2:
        return
    origin = next((word.partition("=")[2] for word in options if word.startswith("--from=")), None)
    target = names[-1]
    yield Copy(
        tuple(names[:-1]),
        normpath(join(stage.workdir, target)),
        target.endswith("/") or target in (".", "./") or len(names) > 2,
        origin,
    )


@dataclass(frozen=True, slots=True)
class Image:
    """The files of an image, by the files of the case from which it is built."""

    root: Path  # folder of the case
    context: str  # build context below it; empty for the folder itself
    stages: tuple[Stage, ...]  # the last one is the image

    def file(self, path: str, stage: Stage | None = None) -> str | None:
        """Return the file of the case that lies at a path of the image, or of an earlier stage; else None."""
        at = stage or self.stages[-1]
        wanted = normpath(join(at.workdir, path))
        for copy in reversed(at.copies):
            other = _named(copy.stage, list(self.stages)) if copy.stage is not None else None
            if copy.stage is not None and (other is None or other is at):
                continue
            for source in copy.sources:
                for origin in self._origins(copy, source, wanted):
                    found = self.file(join("/", origin), other) if other is not None else self._known(origin)
                    if found is not None:
                        return found
        return None

    def _origins(self, copy: Copy, source: str, wanted: str) -> Iterator[str]:
        """Yield the paths below the source that would be copied to a path."""
        plain = normpath(source.lstrip("/") or ".") if copy.stage is None else normpath(source)
        inside = wanted == copy.destination or wanted.startswith(copy.destination.rstrip("/") + "/")
        if not inside:
            return
        rest = relpath(wanted, copy.destination)
        if rest == ".":
            if not copy.is_folder:
                yield plain
        elif "*" in plain or "?" in plain:
            if fnmatch.fnmatch(rest, basename(plain)):
                yield normpath(join(dirname(plain), rest))
        else:
            # A file keeps its name in a folder; of a folder, the content is copied.
            if rest == basename(plain):
                yield plain
            yield normpath(join(plain, rest))

    def _known(self, path: str) -> str | None:
        relative = normpath(join(self.context, path))
        return relative if is_file_below(self.root, relative) else None


def images_of(root: Path, dockerfile: str, stages: list[Stage]) -> Iterator[Image]:
    """Yield the image of a Dockerfile for each folder that may be its build context, nearest first."""
    folder = dirname(dockerfile)
    for _ in range(_MOST_FOLDERS):
        yield Image(root, folder, tuple(stages))
        if not folder:
            return
        folder = dirname(folder)
