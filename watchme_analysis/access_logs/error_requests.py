"""Lines of Nginx's error log joined with their requests, and counted by kind; for logs of any size."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from watchme_analysis.access_logs.error_log import failed_before_header
from watchme_analysis.access_logs.formats.column_sources import split_list
from watchme_analysis.schema import empty

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# The status that Nginx records for a try that failed in this way, independent of the status it sends.
_NOTED_STATUS = {
    "upstream_timeout_connect": 504,
    "upstream_timeout_header": 504,
    "upstream_timeout_send": 504,
    "upstream_queue_full": 502,
    "upstream_refused": 502,
    "upstream_unreachable": 502,
    "no_live_upstream": 502,
}
# Lines written at the end of a request, unless another upstream is tried.
_ENDING = {
    *_NOTED_STATUS,
    "upstream_timeout_body",
    "upstream_reset",
    "upstream_closed",
    "upstream_invalid",
    "client_closed",
    "open_files",
}
# A quotation mark within a value is preceded by a backslash.
_CONNECTION = re.compile(r'"connection": "(\d{1,15})"')
_SECOND_US = 1_000_000


# Pairs of kinds of errors and of tries that are compared at once, so that memory stays bounded.
_PAIRS_AT_ONCE = 1 << 20


class _Alike(NamedTuple):
    """Lines of a log by what decides whether a line of the other log fits: alike lines fit the same lines.

    A flood writes thousands of lines of a path within a second, so that lines are compared by their kind.

    ``kind``: number of the kind of each line; ``values``: values of each kind by name, as whole numbers:
    seconds, or codes that both logs share; -1 is unknown.
    """

    kind: Array
    values: dict[str, Array]

    def counts(self, lines: Array) -> Array:
        """Return the number of lines of each kind among the lines of a mask."""
        import numpy as np

        return np.bincount(self.kind[lines], minlength=len(self.values["path"]))


class _Pairs(NamedTuple):
    """Lines, or kinds of lines, of errors and of tries that may belong together."""

    error: Array
    attempt: Array


def errors_to_requests(error_log: pd.DataFrame, access_log: pd.DataFrame) -> pd.DataFrame:
    """Return the access log's row for each line of the error log that is about a request.

    Both must agree on path, method, host, upstream, service, connection (the access log's $connection) and on
    the status that Nginx records for such a failure, as far as both are known. Clients are compared if the
    two logs have any in common, because an access log may hold the address of a header, and the error log
    that of the connection. The error, logged in whole seconds, must lie within the request. An error that
    ends a request is first compared with the end of requests. A try that fits no failed request is compared
    with successful ones where the log has neither tries nor times: Nginx tried another server.

    Each try of a request matches one line of a kind (a request with two tries may have failed twice), and
    each error line matches one request. Ambiguous lines are not linked, with an exception: a worker writes
    both its logs in the same order, so as many errors as requests that end within a second are paired in
    order.

    Parameters
    ----------
    error_log, access_log
        Tables of the data dictionary, possibly empty; the second may lack ``extra``.

    Returns
    -------
    pandas.DataFrame
        One row per row of ``error_log``, with its index: ``access_row`` (int, position in ``access_log``,
        null if not linked), ``candidates`` (int, matching tries), ``link`` (text): ``alone`` (a unique match
        in both directions), ``order`` (paired in order), ``ambiguous``, ``none`` (no matching request),
        ``no_request`` (the line has no path).
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
    # Where the log knows the response alone, neither its tries nor its time, another try may have brought it.
    is_retried = attempts["plain"].to_numpy() & (attempts["status"] < 400).to_numpy()
    statuses = attempts["status"].mask(is_retried)
    alike = _alike(errors, attempts, names)
    passes = [(alike, True, False), (alike, False, False)]
    if is_retried.any():
        passes.append((_alike(errors, attempts.assign(status=statuses), names), True, True))
    ending, last = errors["ending"].to_numpy(), attempts["last"].to_numpy()
    of_tries = (errors["class"] == "upstream").to_numpy()
    classes, _ = errors["class"].where(errors["path"].notna()).factorize()
    for at in range(classes.max(initial=-1) + 1):
        free = np.ones(len(attempts), bool)
        for by, at_end, retries in passes:
            left = (classes == at) & (row < 0) & (ending | (not at_end))
            tries = free & (last | (not at_end))
            if retries:
                left, tries = left & of_tries & (candidates == 0), tries & is_retried
            pairs = _fitting(by, (left, tries), names, at_end)
            fitting = np.bincount(pairs.error, by[1].counts(tries)[pairs.attempt], len(by[0].values["path"]))
            candidates[left] = fitting[by[0].kind[left]]
            link[left & (candidates > 0)] = "ambiguous"
            for chosen, word in _certain(pairs, by, (left, tries), errors, attempts, in_order=at_end):
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
    before = failed_before_header(log["message"]).to_numpy(dtype=bool)
    # A truncated response has the status that was sent before.
    lost = np.isin(kind, ["upstream_closed", "upstream_invalid", "upstream_reset"]) & before
    limit = np.isin(kind, ["limit_conn", "limit_req"])
    refused = limit & ~log["message"].str.contains("delaying|dry run", na=False).to_numpy(dtype=bool)
    noted = pd.Series(kind).map(_NOTED_STATUS).astype("float64").mask(lost, 502.0)
    reached_upstream = log["upstream_addr"].notna().to_numpy(dtype=bool) & before
    # The client disconnected before a response was sent, or no socket was available for the connection.
    for word, status in (("client_closed", 499.0), ("open_files", 500.0)):
        noted = noted.mask(reached_upstream & (kind == word), status)
    frame = pd.DataFrame(
        {
            "start": _microseconds(log["time"]),
            # Failures of a try share a single line; of every other kind a request may have one in addition.
            "class": np.where(_of_tries(kind), "upstream", kind),
            "ending": np.isin(kind, list(_ENDING)) | refused,
            "refused": refused,
            "noted": noted,
            **_texts(log),
            # The access log holds the server's name instead of an invalid host.
            "host": _host(log["host"].mask(log["message"].str.contains("invalid host", na=False))),
            "pid": log["pid"].to_numpy(dtype="float64", na_value=np.nan),
            "connection": log["connection"].to_numpy(dtype="float64", na_value=np.nan),
            "line": log["line"].to_numpy(dtype="float64", na_value=np.nan),
        }
    )
    frame.loc[log["time"].isna().to_numpy(), "path"] = None
    return frame


def _texts(log: pd.DataFrame) -> dict[str, Array]:
    """Return the texts that both logs have, by the names under which they are compared."""
    columns = {"upstream": "upstream_addr", "client": "client_addr"}
    names = ("path", "method", "service", "file", *columns)
    return {name: log[columns.get(name, name)].to_numpy(dtype=object, na_value=None) for name in names}


def _of_tries(kinds: Array) -> Array:
    """Return a mask of kinds that are failures of a try; a disabled upstream is logged in another line."""
    import numpy as np

    found: Array = np.char.startswith(kinds.astype(str), "upstream_") & (kinds != "upstream_disabled")
    return found


def _attempts(log: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each upstream try, at least one per request."""
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
            "plain": log[["upstream_addr", "upstream_status", "request_time_s"]]
            .isna()
            .all(axis=1)
            .to_numpy(),
            **_texts(log),
            "host": _host(log["host"]),
            "connection": _connections(log),
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
    """Return the connection numbers of requests, as far as the log holds them."""
    import numpy as np

    if "extra" not in log:
        return np.full(len(log), np.nan)
    found = log["extra"].str.extract(_CONNECTION, expand=False)
    return found.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)  # type: ignore[no-any-return]


def _microseconds(times: pd.Series) -> Array:
    import numpy as np

    # Callers exclude rows without a time; here they only need to be numbers.
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    return np.where(np.isnat(naive), 0, naive.astype("int64"))


def _host(hosts: pd.Series) -> Array:
    """Return host names in the form of $host: lower case, without a port."""
    plain = hosts.str.lower().str.replace(r":\d+$", "", regex=True)
    return plain.to_numpy(dtype=object, na_value=None)  # type: ignore[no-any-return]


def _alike(errors: pd.DataFrame, attempts: pd.DataFrame, names: tuple[str, ...]) -> tuple[_Alike, _Alike]:
    """Return errors and tries by their kind, with codes for text that both share."""
    import numpy as np
    import pandas as pd

    found: tuple[dict[str, Array], ...] = ({}, {})
    for name in ("path", *names):
        codes, _ = pd.concat([errors[name], attempts[name]], ignore_index=True).astype(object).factorize()
        found[0][name], found[1][name] = np.split(codes.astype("int64"), [len(errors)])
    # Errors have whole seconds, so that only the second in which a request began or ended matters.
    found[0]["second"] = errors["start"].to_numpy() // _SECOND_US
    found[1]["start"], found[1]["end"] = (
        attempts[name].to_numpy() // _SECOND_US for name in ("start", "end")
    )
    for values, status, frame in ((found[0], "noted", errors), (found[1], "status", attempts)):
        values["status"] = frame[status].fillna(-1).to_numpy().astype("int64")
    found[0]["refused"] = errors["refused"].to_numpy().astype("int64")
    found[1]["asked"] = attempts["asked"].to_numpy().astype("int64")
    return _by_kind(found[0]), _by_kind(found[1])


def _by_kind(values: dict[str, Array]) -> _Alike:
    """Return lines by the combination of their values."""
    import numpy as np
    import pandas as pd

    kind = pd.DataFrame(values).groupby(list(values), sort=False).ngroup().to_numpy()
    _, first = np.unique(kind, return_index=True)
    return _Alike(kind, {name: one[first] for name, one in values.items()})


def _fitting(
    alike: tuple[_Alike, _Alike], lines: tuple[Array, Array], names: tuple[str, ...], at_end: bool
) -> _Pairs:
    """Return the pairs of kinds of errors and of tries that agree.

    ``alike``, ``lines``: errors and tries by kind, and a mask of those that are compared; ``names``: values
    that must be equal, if both are known; ``at_end``: if True, an error must lie in the second of the
    request's end, otherwise within the request.
    """
    import numpy as np

    (some, others) = (one.values for one in alike)
    error, attempt = (np.flatnonzero(one.counts(mask)) for one, mask in zip(alike, lines, strict=True))
    found = [_Pairs(error[:0], attempt[:0])]
    # Requests that took about equally long are compared together: one that took hours would otherwise
    # make all requests of its path candidates for each error.
    spent = np.zeros(len(attempt)) if at_end else (others["end"] - others["start"])[attempt].clip(0)
    lasted = np.ceil(np.log2(1 + spent))
    for length in np.unique(lasted):
        rows = attempt[lasted == length]
        rows = rows[np.lexsort((others["end"][rows], others["path"][rows]))]
        seconds, place = np.unique(others["end"][rows], return_inverse=True)
        width = len(seconds) + 1
        key = others["path"][rows] * width + place
        low, high = (
            np.searchsorted(key, some["path"][error] * width + np.searchsorted(seconds, second))
            for second in (some["second"][error], some["second"][error] + int(2**length))
        )
        ends = np.cumsum(high - low)
        for part in np.split(np.arange(len(error)), np.flatnonzero(np.diff(ends // _PAIRS_AT_ONCE)) + 1):
            one = np.repeat(error[part], (high - low)[part])
            begin = np.cumsum((high - low)[part]) - (high - low)[part]
            other = rows[np.arange(len(one)) + np.repeat(low[part] - begin, (high - low)[part])]
            fits = others["start"][other] <= some["second"][one]
            # A request refused by a limit goes to no upstream.
            fits &= (some["refused"][one] & others["asked"][other]) == 0
            for name in ("status", *names):
                said, logged = some[name][one], others[name][other]
                fits &= (said < 0) | (logged < 0) | (said == logged)
            found.append(_Pairs(one[fits], other[fits]))
    return _Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _certain(
    pairs: _Pairs,
    alike: tuple[_Alike, _Alike],
    lines: tuple[Array, Array],
    errors: pd.DataFrame,
    attempts: pd.DataFrame,
    *,
    in_order: bool,
) -> list[tuple[_Pairs, str]]:
    """Return the unambiguous pairs of lines, and the method that found them.

    ``pairs``: pairs of kinds that agree; ``alike``, ``lines``: errors and tries by kind, and a mask of those
    that were compared; ``errors``, ``attempts``: errors and tries; ``in_order``: whether as many errors as
    tries may be paired in order.
    """
    import numpy as np

    if not len(pairs.error):
        return []
    kinds = [len(one.values["path"]) for one in alike]
    labels = _connected(pairs.error, pairs.attempt + kinds[0], sum(kinds))
    counts = [one.counts(mask) for one, mask in zip(alike, lines, strict=True)]
    agreeing = np.bincount(labels[pairs.error], counts[0][pairs.error] * counts[1][pairs.attempt], sum(kinds))
    members, groups = [], []
    for one, mask, paired, of_kind in zip(
        alike, lines, pairs, (labels[: kinds[0]], labels[kinds[0] :]), strict=True
    ):
        has_pair = np.zeros(len(of_kind), bool)
        has_pair[paired] = True
        members.append(np.flatnonzero(mask & has_pair[one.kind]))
        groups.append(of_kind[one.kind[members[-1]]])
    # Of a group with one pair, both members have the same place among the members of such groups.
    alone = [
        rows[agreeing[of] == 1][np.argsort(of[agreeing[of] == 1])]
        for rows, of in zip(members, groups, strict=True)
    ]
    chosen = [(_Pairs(*alone), "alone")]
    if in_order and (agreeing > 1).any():
        some = [rows[agreeing[of] > 1] for rows, of in zip(members, groups, strict=True)]
        labelled = [of[agreeing[of] > 1] for of in groups]
        chosen.append((_in_order(pairs, alike, some, labelled, errors, attempts), "order"))
    return chosen


def _connected(some: Array, others: Array, size: int) -> Array:
    """Return the smallest member of the group of each of ``size`` members; pairs connect members."""
    import numpy as np

    labels = np.arange(size)
    while True:
        # Each pair takes the smaller of its labels; then each label takes that of the member it names.
        smaller = np.minimum(labels[some], labels[others])
        before = labels.copy()
        for members in (labels[some], labels[others], some, others):
            np.minimum.at(labels, members, smaller)
        while not np.array_equal(labels, labels[labels]):
            labels = labels[labels]
        if np.array_equal(labels, before):
            return labels


def _in_order(
    pairs: _Pairs,
    alike: tuple[_Alike, _Alike],
    members: list[Array],
    groups: list[Array],
    errors: pd.DataFrame,
    attempts: pd.DataFrame,
) -> _Pairs:
    """Return the pairs of groups with as many errors as tries, of one worker and one log each, in order.

    ``pairs``: pairs of kinds that agree; ``alike``: errors and tries by kind; ``members``, ``groups``: errors
    and tries of groups with several pairs, and the group of each; ``errors``, ``attempts``: errors and tries.
    """
    import numpy as np

    size = max(int(of.max(initial=-1)) for of in groups) + 1
    fits = np.bincount(groups[0], minlength=size) == np.bincount(groups[1], minlength=size)
    for frame, rows, of, names in zip(
        (errors, attempts), members, groups, (("file", "pid"), ("file",)), strict=True
    ):
        # Missing values do not count.
        values = frame[list(names)].iloc[rows].groupby(of).nunique().reindex(range(size), fill_value=0)
        fits &= values.eq(1).all(axis=1).to_numpy()
    ordered, placed = [], []
    for frame, rows, of in zip((errors, attempts), members, groups, strict=True):
        kept, of_kept = rows[fits[of]], of[fits[of]]
        order = np.lexsort((frame["line"].to_numpy()[kept], of_kept))
        ordered.append(kept[order])
        placed.append(of_kept[order])
    # Each pair must be one of those that agree; otherwise none of its group is chosen.
    width = len(alike[1].values["path"])
    kinds = [one.kind[rows] for one, rows in zip(alike, ordered, strict=True)]
    agree = np.isin(kinds[0] * width + kinds[1], pairs.error * width + pairs.attempt)
    whole = np.bincount(placed[0][~agree], minlength=size)[placed[0]] == 0
    return _Pairs(ordered[0][whole], ordered[1][whole])


# Columns of the access log that identify a request; ``extra`` as well if it contains $connection.
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
# Largest number of values that are listed for a group.
_NAMED = 3
_REQUEST = {
    "file": "request_file",
    "line": "request_line",
    "time": "request_ended",
    "status": "status",
    "request_time_s": "request_time_s",
}


class ErrorCandidates:
    """Selects from an access log, chunk by chunk, the requests that lines of an error log may be about.

    ``error_log``: table of the data dictionary; ``columns``: columns of the access log to keep:
    :data:`LINK_COLUMNS`, optionally ``extra``. ``columns``: columns to keep; ``complete_from``: time
    (microseconds since the epoch) from which on all candidates are kept; None if all are kept.
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
        """Check requests: a table with the columns to keep."""
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
        # A log in whole seconds does not record the moments within them at which a request began and ended.
        first = (end - spent * _SECOND_US) // _SECOND_US - 1
        low = np.searchsorted(self._errors, self._place(codes, first))
        high = np.searchsorted(self._errors, self._place(codes, end // _SECOND_US + 1), "right")
        keep[rows[high > low]] = True
        if not self._shares_client:
            # A common client address may be found in any request with time and path, not only in candidates.
            is_usable = pc.and_(pc.is_valid(table["time"]), pc.is_valid(table["path"]))
            alike = pc.is_in(table["client_addr"], value_set=self._clients)
            shared = np.flatnonzero(pc.and_(is_usable, alike))[:1]
            self._shares_client = len(shared) > 0
            keep[shared] = True
        self._rows += int(keep.sum())
        if keep.any():
            self._kept.append(table.select(self.columns).filter(pa.array(keep)))
        if self._rows > MOST_CANDIDATES:
            self._drop_earliest()

    def _drop_earliest(self) -> None:
        """Keep the latest candidates, independent of the order in which logs are read."""
        import pyarrow as pa
        import pyarrow.compute as pc

        ordered = pa.concat_tables(self._kept).sort_by("time")
        # Drop below the limit, so that not every chunk requires another sort.
        count = len(ordered) - MOST_CANDIDATES * 3 // 4
        dropped, kept = ordered.slice(0, count), ordered.slice(count)
        last = int(dropped["time"][count - 1].cast(pa.int64()).as_py())
        # Errors have whole seconds, and belong to the second in which their request ended.
        self.complete_from = max(self.complete_from or 0, last + 2 * _SECOND_US)
        shared = dropped.filter(pc.is_in(dropped["client_addr"], value_set=self._clients))
        # A single row with a common address is sufficient.
        self._kept = [shared.slice(len(shared) - 1) if len(shared) else shared, kept.combine_chunks()]
        self._rows = sum(map(len, self._kept))

    def tables(self) -> list[pa.Table]:
        """Return the candidates that were kept."""
        return self._kept

    def _place(self, codes: Array, seconds: Array) -> Array:
        """Return sort keys by path, then time."""
        inside = seconds.clip(self._from, self._until).astype("int64") - self._from
        return (codes.astype("int64") << 32) + inside  # type: ignore[no-any-return]


def errors_with_requests(
    error_log: pd.DataFrame, access_log: pd.DataFrame, complete_from: int | None = None
) -> pd.DataFrame:
    """Return the lines of an error log, each with its request if the match is unambiguous.

    ``error_log``: table of the data dictionary; ``access_log``: table of the data dictionary; the columns
    :data:`LINK_COLUMNS` are sufficient; ``complete_from``: time (microseconds since the epoch) before which
    requests are missing; earlier errors are not linked.

    A row for each line of the error log: its columns; ``link`` and ``candidates`` of
    :func:`errors_to_requests`; and of the request ``request_file``, ``request_line``, ``request_ended``,
    ``status`` and ``request_time_s``, null without an unambiguous match.
    """
    import pandas as pd

    links = errors_to_requests(error_log, access_log)
    requests = access_log[list(_REQUEST)].rename(columns=_REQUEST).reset_index(drop=True)
    chosen = requests.reindex(links["access_row"].astype("Float64").fillna(-1).astype("int64"))
    chosen.index = error_log.index
    found = pd.concat([links[["link", "candidates"]], chosen], axis=1)
    if complete_from is not None:
        # An error without its own request may seem to match another request uniquely.
        early = error_log["time"].notna().to_numpy() & (_microseconds(error_log["time"]) < complete_from)
        found.loc[early, :] = None
    return pd.concat([error_log, found], axis=1)


def errors_by_kind(linked: pd.DataFrame) -> pd.DataFrame:
    """Return the kinds of errors, the most frequent first.

    ``kind``; ``errors``, and the numbers of them that are ``linked`` to one request, ``ambiguous`` (several
    matching requests), ``unmatched`` (no matching request) or about ``no_request``; ``first`` and ``last``
    (UTC); ``paths`` and ``upstreams`` (texts, the most frequent first); ``statuses`` (text) of the linked
    requests; ``timed``, the number of these with a request time, and ``p50_s``, its median.
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
    """Return the lines of an error log in a window (microseconds since the epoch) with a path prefix."""
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
