"""Ruff's ASYNC rules as an additional check for blocking calls in coroutine functions.

This package's call graph follows calls through plain functions, which the rules do not. The rules know
standard library calls that are missing in the list of blocking calls. See
https://docs.astral.sh/ruff/rules/#flake8-async-async.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from watchme_analysis.files.process_temp_dir import process_temp_dir
from watchme_analysis.installation import python_command

# The rules that find blocking calls; others of the group are about style.
KINDS = {
    "ASYNC210": "blocking_io",  # HTTP
    "ASYNC212": "blocking_io",  # httpx.Client
    "ASYNC220": "blocking_io",  # starts a process
    "ASYNC221": "blocking_io",  # runs a process
    "ASYNC222": "blocking_io",  # waits for a process
    "ASYNC230": "blocking_file",  # open
    "ASYNC240": "blocking_file",  # pathlib, os.path
    "ASYNC250": "blocking_io",  # input
    "ASYNC251": "blocking_sleep",  # time.sleep
}
# The rule for files covers all of os.path; these functions only process the text of a name.
_ONLY_NAMES = re.compile(
    r"(os\.)?path\.(basename|commonpath|commonprefix|dirname|isabs|join|normcase|normpath|split|splitext)"
)
TIMEOUT_S = 60
# ruff counts lines as Python does, which also ends a line at a single carriage return.
_PYTHON_LINE_END = re.compile(rb"\r\n|\r|\n")
_ARGUMENTS = re.compile(r"\([^()]*\)")


class RuleFinding(NamedTuple):
    """A call that a rule found: file relative to the root, line, kind of ``app_calls``, call as written."""

    file: str
    line: int
    kind: str
    call: str


def async_rule_findings(texts: Mapping[str, bytes]) -> list[RuleFinding]:
    """Return the blocking calls that ruff finds in coroutine functions.

    ruff reads private copies under other names, so that no file of the evidence can be imported or is taken
    for a setting.

    Parameters
    ----------
    texts
        Content of the files of a project by relative path; compressed files are ignored.

    Returns
    -------
    list of RuleFinding
        Empty if ruff cannot be run, because the findings are only additional.
    """
    plain = [name for name in texts if name.endswith(".py")]
    if not plain:
        return []
    copies = {f"{at}.py": name for at, name in enumerate(plain)}
    command = python_command("-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", "--exit-zero")
    command += ["--preview", "--select", "ASYNC", "--output-format", "json", "--", *copies]
    try:
        with TemporaryDirectory(dir=process_temp_dir()) as folder:
            for copy, name in copies.items():
                Path(folder, copy).write_bytes(texts[name])
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIMEOUT_S, check=True)
        answers = json.loads(done.stdout or b"[]")
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    found = []
    for answer in answers:
        kind = KINDS.get(answer["code"])
        if kind is not None:
            file = copies[Path(answer["filename"]).name]
            start, end = answer["location"], answer["end_location"]
            call = _written(texts[file], start, end)
            if not _ONLY_NAMES.fullmatch(call):
                found.append(RuleFinding(file, start["row"], kind, call))
    return found


def _written(text: bytes, start: dict[str, int], end: dict[str, int]) -> str:
    """Return the first line of the source between two positions, without arguments."""
    line = _PYTHON_LINE_END.split(text)[start["row"] - 1].decode("utf-8", errors="replace")
    stop = end["column"] - 1 if end["row"] == start["row"] else len(line)
    written = line[start["column"] - 1 : stop]
    # Innermost arguments first; an unclosed bracket continues on the next line.
    while _ARGUMENTS.search(written):
        written = _ARGUMENTS.sub("\0", written)
    return re.sub(r"\(.*", "", written).replace("\0", "()").removesuffix("()").strip()
