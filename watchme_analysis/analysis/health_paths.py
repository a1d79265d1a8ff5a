"""Paths of requests: families of paths that differ only in an id, and who serves them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# A part between slashes that is a number, hexadecimal, a UUID, a date with what follows it, or opaque.
_ID = re.compile(
    r"(?<![^/\n])(?:"
    r"\d+"
    r"|(?=[^/\n]*\d)[0-9a-fA-F]{8,}"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|\d{4}-\d{2}-\d{2}[^/\n]*"
    r"|(?=(?:[^/\n]*\d){4})[0-9A-Za-z_-]{16,}"
    r")(?![^/\n])"
)


def path_family(path: str) -> str:
    """Return the path with every part that looks like an id replaced by ``*``.

    ``/v1/results/54b49bfd9d25`` becomes ``/v1/results/*``; versions, words and file names stay.
    """
    return _ID.sub("*", path)


def families_of(paths: list[str]) -> list[str]:
    """Return :func:`path_family` of every path, all at once."""
    joined = "\n".join(paths)
    if joined.count("\n") != len(paths) - 1:
        return [path_family(path) for path in paths]
    return path_family(joined).split("\n")


def path_families(paths: pd.Series) -> pd.Series:
    """Return :func:`path_family` of every path; null stays null."""
    families = {path: path_family(path) for path in paths.dropna().unique()}
    return paths.map(families).astype("string")


def same_endpoint(asked: str, known: list[str]) -> str | None:
    """Return the outside path that a path asked inside a container stands for.

    A proxy often strips a prefix, so that ``/health`` inside is ``/api/health`` outside.

    Parameters
    ----------
    asked
        Path asked from inside the container or on the host.
    known
        Paths asked from outside.

    Returns
    -------
    str or None
        The same path where it is known outside, else the only one that ends with it, else None.
    """
    if asked in known:
        return asked
    fitting = [path for path in known if path.endswith(asked) and asked != "/"]
    return fitting[0] if len(fitting) == 1 else None
