"""Which request of the access log a line of Nginx's error log is about."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.formats.column_sources import split_list

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

# The status that Nginx notes for a try that failed like this, whatever it sends in the end.
_NOTED_STATUS = {
    "upstream_timeout_connect": 504,
    "upstream_timeout_header": 504,
    "upstream_timeout_send": 504,
    "upstream_refused": 502,
    "upstream_unreachable": 502,
    "no_live_upstream": 502,
}
# A response that breaks off has the status that was sent before; one of these failures may be of either kind.
_BEFORE_HEADER = re.compile(r"while (?:connecting|SSL handshaking|reading response header|sending request)")
# Lines written as the request ends, unless another upstream is tried.
_ENDING = {
    *_NOTED_STATUS,
    "upstream_timeout_body",
    "upstream_reset",
    "upstream_closed",
    "upstream_invalid",
    "client_closed",
    "open_files",
}
# A quotation mark within a value has a backslash before it.
_CONNECTION = re.compile(r'"connection": "(\d{1,15})"')
_SECOND_US = 1_000_000


class _Pairs(NamedTuple):
    """Positions of errors and of tries that may belong together."""

    error: Array
    attempt: Array


def errors_to_requests(error_log: pd.DataFrame, access_log: pd.DataFrame) -> pd.DataFrame:
    """Find the access log's line for each line of the error log that is about a request.

    Both must agree on path, method, host, upstream, service, connection (the access log's $connection) and on
    the status that Nginx notes for such a failure, as far as both know them. Clients are compared where the
    two logs have any in common: an access log may hold the address that a header names, the error log the one
    connected. The error, logged in whole seconds, must lie within the request; one that ends a request is
    looked for at its end first.

    Each try of a request takes one line of a kind (a request that was tried twice may have failed twice), and
    each error line has one request. Nothing is guessed: where several fit, none is taken, except that one
    worker writes both its logs in the same order, so that as many errors as requests that end within a
    second are paired in turn.

    Parameters
    ----------
    error_log, access_log
        Tables of the glossary, either may be empty; of the second ``extra`` may be missing.

    Returns
    -------
    pandas.DataFrame
        One row per row of ``error_log``, with its index: ``access_row`` (int, position in ``access_log``,
        null where not linked), ``candidates`` (int, tries that fit), ``link`` (text): ``alone`` (the only one
        that fits, and fits no other line), ``order`` (paired in turn), ``ambiguous``, ``none`` (no request
        fits), ``no_request`` (the line names no path).
    """
    import numpy as np
    import pandas as pd

    attempts = _attempts(access_log)
    errors = _errors(error_log)
    row = np.full(len(errors), -1)
    candidates = np.zeros(len(errors), dtype="int64")
    link = np.where(errors["path"].notna(), "none", "no_request").astype(object)
    with_client = bool(set(errors["client"].dropna()) & set(attempts["client"].dropna()))
    names = ("method", "host", "upstream", "service", "connection", *(("client",) if with_client else ()))
    for _, kind in errors[errors["path"].notna()].groupby("class"):
        free = np.ones(len(attempts), bool)
        for at_end in (True, False):
            left = kind[(row[kind.index] < 0) & (kind["ending"] | (not at_end))]
            pairs = _fitting(left, attempts[free & (attempts["last"] | (not at_end))], names, at_end)
            candidates[left.index] = np.bincount(pairs.error, minlength=len(errors))[left.index]
            link[np.unique(pairs.error)] = "ambiguous"
            for chosen, word in _certain(pairs, errors, attempts, in_order=at_end):
                row[chosen.error] = attempts["row"].to_numpy()[chosen.attempt]
                link[chosen.error] = word
                free[chosen.attempt] = False
    return pd.DataFrame(
        {
            "access_row": pd.array(np.where(row < 0, 0, row), "Int64"),
            "candidates": pd.array(candidates, "Int64"),
            "link": pd.array(link, "string"),
        },
        index=error_log.index,
    ).assign(access_row=lambda found: found["access_row"].where(row >= 0))


def _errors(log: pd.DataFrame) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    kind = log["kind"].fillna("other").to_numpy(dtype=object)
    before = log["message"].str.contains(_BEFORE_HEADER, na=False).to_numpy(dtype=bool)
    lost = np.isin(kind, ["upstream_closed", "upstream_invalid", "upstream_reset"]) & before
    limit = np.isin(kind, ["limit_conn", "limit_req"])
    refused = limit & ~log["message"].str.contains("delaying|dry run", na=False).to_numpy(dtype=bool)
    noted = pd.Series(kind).map(_NOTED_STATUS).astype("float64").mask(lost, 502.0)
    asked = log["upstream_addr"].notna().to_numpy(dtype=bool) & before
    # The client went before it was sent anything; or no socket was to be had to connect with.
    for word, status in (("client_closed", 499.0), ("open_files", 500.0)):
        noted = noted.mask(asked & (kind == word), status)
    frame = pd.DataFrame(
        {
            "start": _microseconds(log["time"]),
            # Failures of a try share its one line; of every other kind a request may have one besides.
            "class": np.where(_of_tries(kind), "upstream", kind),
            "ending": np.isin(kind, list(_ENDING)) | refused,
            "refused": refused,
            "noted": noted,
            "path": log["path"].to_numpy(dtype=object, na_value=None),
            "method": log["method"].to_numpy(dtype=object, na_value=None),
            # The access log names the server instead of a host that is none.
            "host": _host(log["host"].mask(log["message"].str.contains("invalid host", na=False))),
            "upstream": log["upstream_addr"].to_numpy(dtype=object, na_value=None),
            "client": log["client_addr"].to_numpy(dtype=object, na_value=None),
            "service": log["service"].to_numpy(dtype=object, na_value=None),
            "pid": log["pid"].to_numpy(dtype="float64", na_value=np.nan),
            "connection": log["connection"].to_numpy(dtype="float64", na_value=np.nan),
            "file": log["file"].to_numpy(dtype=object, na_value=None),
            "line": log["line"].to_numpy(dtype="float64", na_value=np.nan),
        }
    )
    frame.loc[log["time"].isna().to_numpy(), "path"] = None
    return frame


def _of_tries(kinds: Array) -> Array:
    """Tell which kinds are failures of a try: that Nginx then leaves the upstream out is another line."""
    import numpy as np

    found: Array = np.char.startswith(kinds.astype(str), "upstream_") & (kinds != "upstream_disabled")
    return found


def _attempts(log: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each upstream tried, at least one for each request."""
    import numpy as np
    import pandas as pd

    spent = log["request_time_s"].to_numpy(dtype="float64", na_value=0.0)
    end = _microseconds(log["time"])
    status = log["upstream_status"].fillna(log["status"]).to_numpy(dtype="float64", na_value=np.nan)
    frame = pd.DataFrame(
        {
            "row": np.arange(len(log)),
            "start": end - np.round(spent * _SECOND_US).astype("int64"),
            "end": end,
            "last": True,
            "status": status,
            "asked": log["upstream_addr"].notna().to_numpy(dtype=bool),
            "path": log["path"].to_numpy(dtype=object, na_value=None),
            "method": log["method"].to_numpy(dtype=object, na_value=None),
            "host": _host(log["host"]),
            "upstream": log["upstream_addr"].to_numpy(dtype=object, na_value=None),
            "client": log["client_addr"].to_numpy(dtype=object, na_value=None),
            "service": log["service"].to_numpy(dtype=object, na_value=None),
            "connection": _connections(log),
            "file": log["file"].to_numpy(dtype=object, na_value=None),
            "line": log["line"].to_numpy(dtype="float64", na_value=np.nan),
        }
    )
    earlier: list[tuple[int, str | None, float]] = []
    for at in np.flatnonzero(log["upstream_raw"].notna().to_numpy()):
        logged = json.loads(log["upstream_raw"].iloc[at])
        addresses, statuses = (split_list(logged.get(name)) for name in ("upstream_addr", "upstream_status"))
        for turn in range(max(len(addresses), len(statuses)) - 1):
            word = statuses[turn] if turn < len(statuses) else ""
            address = addresses[turn] if turn < len(addresses) else None
            earlier.append((int(at), address, float(word) if word.isdigit() else np.nan))
    if earlier:
        rows, upstreams, noted = zip(*earlier, strict=True)
        more = frame.iloc[list(rows)].assign(last=False, upstream=list(upstreams), status=list(noted))
        frame = pd.concat([frame, more], ignore_index=True)
    return frame[frame["path"].notna() & log["time"].notna().to_numpy()[frame["row"]]].reset_index(drop=True)


def _connections(log: pd.DataFrame) -> Array:
    """Return the numbers of the connections that requests came on, where the log names them."""
    import numpy as np

    if "extra" not in log:
        return np.full(len(log), np.nan)
    found = log["extra"].str.extract(_CONNECTION, expand=False)
    return found.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)  # type: ignore[no-any-return]


def _microseconds(times: pd.Series) -> Array:
    import numpy as np

    # Rows without a time are left out by their callers; here they only have to be numbers.
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    return np.where(np.isnat(naive), 0, naive.astype("int64"))


def _host(hosts: pd.Series) -> Array:
    """Return host names as $host has them: without a port, in small letters."""
    plain = hosts.str.lower().str.replace(r":\d+$", "", regex=True)
    return plain.to_numpy(dtype=object, na_value=None)  # type: ignore[no-any-return]


def _fitting(errors: pd.DataFrame, attempts: pd.DataFrame, names: tuple[str, ...], at_end: bool) -> _Pairs:
    """Return which errors and tries agree; ``at_end`` asks for the second in which the request ended."""
    import numpy as np
    import pandas as pd

    found: list[_Pairs] = []
    by_path = {path: rows.sort_values("end") for path, rows in attempts.groupby("path")}
    for path, some in errors.groupby("path"):
        rows = by_path.get(path)
        if rows is None:
            continue
        start, end = (rows[name].to_numpy() for name in ("start", "end"))
        # A log of whole seconds leaves open when within its last one a request ended.
        end = end + (_SECOND_US - 1 if (end % _SECOND_US == 0).all() else 0)
        first = some["start"].to_numpy()
        horizon = 0 if at_end else int((end - start).max())
        low = np.searchsorted(end, first)
        counts = np.searchsorted(end, first + _SECOND_US + horizon) - low
        one = np.repeat(np.arange(len(some)), counts)
        other = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + low[one]
        fits = start[other] < first[one] + _SECOND_US
        noted, status = some["noted"].to_numpy()[one], rows["status"].to_numpy()[other]
        fits &= np.isnan(noted) | np.isnan(status) | (noted == status)
        # What a limit refuses goes to no upstream.
        fits &= ~(some["refused"].to_numpy()[one] & rows["asked"].to_numpy()[other])
        for name in names:
            said, logged = some[name].to_numpy()[one], rows[name].to_numpy()[other]
            fits &= pd.isna(said) | pd.isna(logged) | (said == logged)
        found.append(_Pairs(some.index.to_numpy()[one[fits]], rows.index.to_numpy()[other[fits]]))
    if not found:
        return _Pairs(np.zeros(0, "int64"), np.zeros(0, "int64"))
    return _Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _certain(
    pairs: _Pairs, errors: pd.DataFrame, attempts: pd.DataFrame, *, in_order: bool
) -> list[tuple[_Pairs, str]]:
    """Return the pairs beyond doubt, and how they were found."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs.error):
        return []
    size = len(errors) + len(attempts)
    edges = (np.ones(len(pairs.error), bool), (pairs.error, pairs.attempt + len(errors)))
    _, labels = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    of_pair = labels[pairs.error]
    alone = np.bincount(of_pair, minlength=size)[of_pair] == 1
    chosen = [(_Pairs(pairs.error[alone], pairs.attempt[alone]), "alone")]
    for label in np.unique(of_pair[~alone]) if in_order else ():
        inside = of_pair == label
        some = errors.loc[np.unique(pairs.error[inside])].sort_values("line")
        tried = attempts.loc[np.unique(pairs.attempt[inside])].sort_values("line")
        one_log = some["file"].nunique() == 1 and tried["file"].nunique() == 1 and some["pid"].nunique() == 1
        if len(some) != len(tried) or not one_log:
            continue
        fitting = set(zip(pairs.error[inside], pairs.attempt[inside], strict=True))
        turns = list(zip(some.index, tried.index, strict=True))
        if fitting.issuperset(turns):
            chosen.append((_Pairs(some.index.to_numpy(), tried.index.to_numpy()), "order"))
    return chosen
