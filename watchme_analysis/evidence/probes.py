"""Health probes: ``probes.csv``, and the vantages from which they are sent.

A vantage is the place from which a request was observed. Probes have three, from the process outwards:

``inside``
    In the container's own network, straight to the process (``docker exec``). Excludes the container's
    network and everything before it.
``host``
    On the machine, to the port that Docker publishes, before Nginx. Excludes Nginx and everything before it.
``outside``
    Through the public name: edge, Nginx, network and process, as clients do.

The same failure seen from ``outside`` and not from ``host`` therefore lies in Nginx or before it. Logs add
the vantages ``nginx`` and ``edge``; `requests.observations` compares all five.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchme_analysis.files.csv_table import TIME_NAMES, csv_rows, header_of
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.files.line_accounting import TextAccounting
from watchme_analysis.text.render import note, text_of_error
from watchme_analysis.values import microseconds, number, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval

# Statuses with which a health endpoint says that it is healthy.
_SUCCESS = range(200, 300)
_DURATION_NAMES = ("seconds", "duration_s", "total_s")
_PARTS = ("dns_s", "connect_s", "tls_s", "ttfb_s")


def is_success(status: int | None, error: str | None) -> bool:
    """Return whether a health check succeeded: a response without an error, with a status from 200 to 299."""
    return not error and status in _SUCCESS


def looks_like(raw: RawFile) -> bool:
    """Return True when there is no header, or it names a time, a vantage and a duration."""
    header = header_of(raw)
    return not header or (
        "vantage" in header
        and any(name in header for name in TIME_NAMES)
        and any(name in header for name in _DURATION_NAMES)
    )


def read_probes(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``probes`` and the retrieval of a file of probes; its header is not counted as a line.

    The CSV has the columns ``timestamp`` (epoch or ISO 8601), ``vantage``, ``path``, ``status`` (empty or 0:
    no response), ``seconds``, ``error``, and optionally ``dns_s, connect_s, tls_s, ttfb_s``.
    """
    account = TextAccounting(raw, "probes", "probes")
    for line, cells, text in csv_rows(raw, account, tail="error"):
        moment = microseconds(next((cells[name] for name in TIME_NAMES if cells.get(name)), None), raw.zone)
        if moment is None:
            account.reject(line, note("reject-no-time"), text)
            continue
        try:
            row = {
                "status": whole_number(cells.get("status")) or None,
                "duration_s": number(next((cells[name] for name in _DURATION_NAMES if name in cells), None)),
                **{name: number(cells.get(name)) for name in _PARTS},
            }
        except ValueError as error:
            account.reject(line, text_of_error(error), text)
            continue
        words = {name: cells.get(name, "").strip() or None for name in ("vantage", "path", "error")}
        if words["vantage"]:
            words["vantage"] = words["vantage"].lower()
        account.rows.append({"file": raw.relative, "line": line, "time": moment, **words, **row})
    return account.finish(["time"])
