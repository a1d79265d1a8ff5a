"""Modules and limits of the Python runtimes of AWS Lambda.

The data and its sources are in ``lambda_runtimes.toml`` in this folder. The standard library is that of the
running Python, with the modules that were added or removed between its version and that of the runtime.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from watchme_analysis.errors import InputError
from watchme_analysis.limits import MIB
from watchme_analysis.text.render import error_message

# Name in the ABI tag of a native module, by the name that Lambda uses.
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}
# Minor version of the oldest standard library that is known.
OLDEST_MINOR = 9


@dataclass(frozen=True)
class Runtime:
    """A Python runtime of Lambda, such as ``python3.12``.

    ``modules`` are the top-level ones that can be imported without being in the package.
    """

    name: str
    minor: int
    modules: frozenset[str]
    direct_upload_bytes: int  # largest zip that the API accepts directly
    unzipped_bytes: int  # largest size of package and layers


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("lambda_runtimes.toml").read_text(encoding="utf-8"))


def runtime_names() -> tuple[str, ...]:
    """Return the identifiers of the Python runtimes, oldest first."""
    return tuple(_data()["runtimes"])


def lambda_runtime(name: str) -> Runtime:
    """Return what a runtime provides; an unknown one is an InputError."""
    data = _data()
    if name not in data["runtimes"]:
        raise InputError(
            error_message("error-runtime-unknown", name=repr(name), known=", ".join(data["runtimes"]))
        )
    minor = _minor(name.removeprefix("python"))
    libraries = {
        *data["libraries"],
        *(each for each, since in data["since"].items() if minor >= _minor(since)),
    }
    limits = data["limits_mib"]
    return Runtime(
        name,
        minor,
        frozenset(standard_library(minor) | libraries),
        limits["direct_upload"] * MIB,
        limits["unzipped"] * MIB,
    )


def standard_library(minor: int) -> set[str]:
    """Return the modules of the standard library of a minor version of Python 3 on Linux."""
    names, running = set(sys.stdlib_module_names), sys.version_info.minor
    changes = [(_minor(each["version"]), each) for each in _data()["standard_library"]]
    for version, each in changes:
        if running < version <= minor:
            names = (names - set(each["removed"])) | set(each["added"])
    for version, each in reversed(changes):
        if minor < version <= running:
            names = (names - set(each["added"])) | set(each["removed"])
    return names - set(_data()["not_on_linux"])


def _minor(version: str) -> int:
    return int(version.partition(".")[2])
