"""Lines of Nginx's error log with the requests that they are about, by kind; also for logs of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.error_links import errors_to_requests
from watchme_analysis.schema import empty

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

# Columns of the access log that tell which request it is; ``extra`` as well where it has $connection.
LINK_COLUMNS = (
    "file",
    "line",
    "service",
    "time",
    "client_addr",
    "method",
    "path",
    "status",
    "host",
    "request_time_s",
    "upstream_addr",
    "upstream_status",
    "upstream_raw",
)
MOST_CANDIDATES = 500_000
# Values of a group that are named.
_NAMED = 3
_SECOND_US = 1_000_000
_REQUEST = {
    "file": "request_file",
    "line": "request_line",
    "time": "request_ended",
    "status": "status",
    "request_time_s": "request_time_s",
}


class ErrorCandidates:
    """Picks out of an access log, chunk by chunk, the requests that lines of an error log may be about.

    Parameters
    ----------
    error_log
        Table of the glossary.
    columns
        Those of the access log that are kept: :data:`LINK_COLUMNS`, maybe ``extra``.

    Attributes
    ----------
    columns
        As given.
    complete_from
        Moment (microseconds since the epoch) from which on all candidates are kept; None where all are.
    """

    def __init__(self, error_log: pd.DataFrame, columns: Sequence[str] = LINK_COLUMNS) -> None:
        import numpy as np
        import pyarrow as pa

        known = error_log[error_log["path"].notna() & error_log["time"].notna()]
        codes, paths = known["path"].factorize()
        self._paths = pa.array(list(paths), pa.large_string())
        seconds = _microseconds(known["time"]) // _SECOND_US
        self._from = int(seconds.min()) - 1 if len(seconds) else 0
        self._until = int(seconds.max()) + 1 if len(seconds) else 0
        self._errors = np.sort(self._place(codes, seconds))
        self._clients = pa.array(error_log["client_addr"].dropna().unique().tolist(), pa.large_string())
        self._shares_client = False
        self.columns = list(columns)
        self._kept: list[pa.Table] = []
        self._rows = 0
        self.complete_from: int | None = None

    def add(self, table: pa.Table) -> None:
        """Look at requests: a table with the columns that are kept."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(self._errors):
            return
        keep = np.zeros(len(table), bool)
        found = pc.index_in(table["path"], value_set=self._paths)
        rows = np.flatnonzero(pc.is_valid(pc.if_else(pc.is_valid(table["time"]), found, None)))
        some = table.take(pa.array(rows))
        codes = found.take(pa.array(rows)).to_numpy().astype("int64")
        end = some["time"].cast(pa.int64()).to_numpy()
        spent = pc.fill_null(some["request_time_s"], 0.0).to_numpy()
        # A log of whole seconds leaves open when within them a request began and ended.
        first = (end - spent * _SECOND_US) // _SECOND_US - 1
        low = np.searchsorted(self._errors, self._place(codes, first))
        high = np.searchsorted(self._errors, self._place(codes, end // _SECOND_US + 1), "right")
        keep[rows[high > low]] = True
        if not self._shares_client:
            # Whether the logs name clients alike shows in any request with time and path, not only in these.
            told = pc.and_(pc.is_valid(table["time"]), pc.is_valid(table["path"]))
            alike = pc.is_in(table["client_addr"], value_set=self._clients)
            shared = np.flatnonzero(pc.and_(told, alike))[:1]
            self._shares_client = len(shared) > 0
            keep[shared] = True
        self._rows += int(keep.sum())
        if keep.any():
            self._kept.append(table.select(self.columns).filter(pa.array(keep)))
        if self._rows > MOST_CANDIDATES:
            self._drop_earliest()

    def _drop_earliest(self) -> None:
        """Keep the latest candidates, whatever the order in which logs are read."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ordered = pa.concat_tables(self._kept).sort_by("time")
        # Fewer than may be kept, so that not every chunk has them sorted again.
        count = len(ordered) - MOST_CANDIDATES * 3 // 4
        dropped, kept = ordered.slice(0, count), ordered.slice(count)
        last = int(dropped["time"][count - 1].cast(pa.int64()).as_py())
        # Errors have whole seconds, and one belongs to the second in which its request ended.
        self.complete_from = max(self.complete_from or 0, last + 2 * _SECOND_US)
        shared = dropped.filter(pc.is_in(dropped["client_addr"], value_set=self._clients))
        # One row says that both logs name clients alike.
        self._kept = [shared.slice(len(shared) - 1) if len(shared) else shared, kept.combine_chunks()]
        self._rows = sum(map(len, self._kept))

    def tables(self) -> list[pa.Table]:
        """Return what was kept."""
        return self._kept

    def _place(self, codes: np.ndarray[Any, Any], seconds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return numbers in the order of path, then time."""
        inside = seconds.clip(self._from, self._until).astype("int64") - self._from
        return (codes.astype("int64") << 32) + inside  # type: ignore[no-any-return]


def _microseconds(times: pd.Series) -> np.ndarray[Any, Any]:
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").astype("int64")  # type: ignore[no-any-return]


def errors_with_requests(
    error_log: pd.DataFrame, access_log: pd.DataFrame, complete_from: int | None = None
) -> pd.DataFrame:
    """Return the lines of an error log, each with the request it is about as far as that is certain.

    Parameters
    ----------
    error_log
        Table of the glossary.
    access_log
        Table of the glossary; :data:`LINK_COLUMNS` will do.
    complete_from
        Moment (microseconds since the epoch) before which requests are missing; earlier errors are not
        linked.

    Returns
    -------
    DataFrame
        A row for each line of the error log: its columns; ``link`` and ``candidates`` of
        :func:`errors_to_requests`; of the request ``request_file``, ``request_line``, ``request_ended``,
        ``status`` and ``request_time_s``, null where none is certain.
    """
    import pandas as pd

    links = errors_to_requests(error_log, access_log)
    requests = access_log[list(_REQUEST)].rename(columns=_REQUEST).reset_index(drop=True)
    chosen = requests.reindex(links["access_row"].astype("Float64").fillna(-1).astype("int64"))
    chosen.index = error_log.index
    found = pd.concat([links[["link", "candidates"]], chosen], axis=1)
    if complete_from is not None:
        # Of an error without its own request another may seem to be the only one that fits.
        early = error_log["time"].notna().to_numpy() & (_microseconds(error_log["time"]) < complete_from)
        found.loc[early, :] = None
    return pd.concat([error_log, found], axis=1)


def errors_by_kind(linked: pd.DataFrame) -> pd.DataFrame:
    """Return what kinds of errors there are, the most frequent first.

    Parameters
    ----------
    linked
        From :func:`errors_with_requests`.

    Returns
    -------
    DataFrame
        ``kind``; ``errors``, and how many of them are ``linked`` to one request, ``ambiguous`` (several
        requests fit), ``unmatched`` (none fits) or about ``no_request``; ``first`` and ``last`` (UTC);
        ``paths`` and ``upstreams`` that they name (texts, the most frequent first); ``statuses`` (text) sent
        to the linked requests; ``timed``, how many of these have a request time, and ``p50_s``, its median.
    """
    import pandas as pd

    columns = ["kind", "errors", "linked", "ambiguous", "unmatched", "no_request", "first", "last"]
    columns += ["paths", "upstreams", "statuses", "timed", "p50_s"]
    rows = []
    for kind, some in linked.groupby(linked["kind"].fillna("other"), sort=True):
        links = some["link"].value_counts()
        rows.append(
            {
                "kind": kind,
                "errors": len(some),
                "linked": int(links.get("alone", 0) + links.get("order", 0)),
                "ambiguous": int(links.get("ambiguous", 0)),
                "unmatched": int(links.get("none", 0)),
                "no_request": int(links.get("no_request", 0)),
                "first": some["time"].min(),
                "last": some["time"].max(),
                "paths": _frequent(some["path"]),
                "upstreams": _frequent(some["upstream_addr"]),
                "statuses": _frequent(some["status"]),
                "timed": int(some["request_time_s"].notna().sum()),
                "p50_s": float(some["request_time_s"].astype("float64").median()),
            }
        )
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["errors", "kind"], ascending=[False, True], ignore_index=True)


def _frequent(values: pd.Series) -> str:
    """Return the most frequent values with their counts as a text."""
    counts = values.value_counts()
    parts = [f"{value} ({count})" for value, count in counts.head(_NAMED).items()]
    return ", ".join([*parts, f"{len(counts) - _NAMED} more"] if len(counts) > _NAMED else parts)


def within(error_log: pd.DataFrame, since: int | None, until: int | None, prefix: str | None) -> pd.DataFrame:
    """Return the lines of an error log in a window (microseconds since the epoch), of paths that begin so."""
    import pandas as pd

    if not len(error_log):
        return empty("error_log")
    keep = pd.Series(True, index=error_log.index)
    at = pd.Series(_microseconds(error_log["time"]), index=error_log.index)
    keep &= at >= since if since is not None else True
    keep &= at < until if until is not None else True
    if prefix:
        keep &= error_log["path"].str.startswith(prefix).fillna(False).astype(bool)
    return error_log[keep].reset_index(drop=True)
