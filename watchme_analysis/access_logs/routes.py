"""Routes: path templates in which IDs are replaced, and the service behind a path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from watchme_analysis.files.arrow_arrays import array_of, bool_array, nulls_of, text_array, text_parts

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# A path segment that is a number, hexadecimal, a UUID, a date with a suffix, or opaque.
_ID = re.compile(
    r"(?<![^/\n])(?:"
    r"\d+"
    r"|(?=[^/\n]*\d)[0-9a-fA-F]{8,}"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|\d{4}-\d{2}-\d{2}[^/\n]*"
    r"|(?=(?:[^/\n]*\d){4})[0-9A-Za-z_-]{16,}"
    r")(?![^/\n])"
)


def route_of(path: str) -> str:
    """Return the path with every segment that looks like an ID replaced by ``*``.

    ``/v1/results/54b49bfd9d25`` becomes ``/v1/results/*``; versions, words and file names are kept.
    """
    return _ID.sub("*", path)


def routes_of(paths: list[str]) -> list[str]:
    """Return :func:`route_of` of every path in one operation."""
    joined = "\n".join(paths)
    if joined.count("\n") != len(paths) - 1:
        return [route_of(path) for path in paths]
    return route_of(joined).split("\n")


def compiled_routes(paths: pa.Array) -> pa.Array:
    """Return :func:`route_of` of every path by the compiled loop, which needs numba; null stays null."""
    import numpy as np
    import pyarrow.compute as pc

    from watchme_analysis.access_logs.engine.compiled_loops import replace_ids

    offsets, texts = text_parts(paths)
    data, bounds = np.empty(int(offsets[-1] - offsets[0]), np.uint8), np.empty_like(offsets)
    ambiguous = np.empty(len(paths), bool)
    count = replace_ids(texts, offsets, data, bounds, ambiguous)
    found = text_array(bounds, data, ~nulls_of(paths))
    if not count:
        return found
    exact = routes_of(paths.filter(bool_array(ambiguous)).to_pylist())
    return pc.replace_with_mask(found, bool_array(ambiguous), array_of(exact, "text"))


def route_templates(paths: pd.Series) -> pd.Series:
    """Return :func:`route_of` of every path; null stays null."""
    import pandas as pd

    codes, known = pd.factorize(paths)
    routes = pd.array([route_of(path) for path in known], dtype="string")
    return pd.Series(routes.take(codes, allow_fill=True), index=paths.index, name=paths.name)


def same_endpoint(endpoint: str, known: list[str]) -> str | None:
    """Return the public path that corresponds to a path requested inside a container.

    A proxy often strips a prefix, so that ``/health`` inside is ``/api/health`` outside.

    ``endpoint``: path requested from inside the container or on the host; ``known``: paths requested from
    outside.

    The same path if it is requested outside, else the only path that ends with it, else None.
    """
    if endpoint in known:
        return endpoint
    fitting = [path for path in known if path.endswith(endpoint) and endpoint != "/"]
    return fitting[0] if len(fitting) == 1 else None
