"""Access logs of an edge that is an Nginx, recognized by name like its configuration (``edge.conf``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from watchme_analysis.access_logs import access_log as nginx
from watchme_analysis.errors import LeftOutError
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.schema import conform
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.retrieval import Retrieval


def read_edge_access(raw: RawFile) -> tuple[pd.DataFrame, Retrieval]:
    """Return the table ``edge_log`` of an edge's access log, whose upstream is the origin.

    A request without a logged duration starts when it ends.

    Raises LeftOutError if the edge's own records are in the same folder, since they hold the same requests.
    Raises FormatError as :func:`nginx.read_access_log`.
    """
    import pandas as pd

    beside = raw.beside("edge*.jsonl")
    if beside:
        raise LeftOutError(
            error_message("error-edge-log-left-out", file=raw.relative, other=beside[0].relative)
        )
    log, retrieval = nginx.read_access_log(raw)
    seconds = log["request_time_s"].astype("Float64")
    status = log["upstream_status"]
    if log["upstream_header_time_s"].notna().any():
        # Without a header, the status is that of the edge for a failed try.
        status = status.where(log["upstream_header_time_s"].notna())
    knows_origin = log["upstream_tries"].notna()
    frame = pd.DataFrame(
        {
            "file": log["file"],
            "line": log["line"],
            "start": log["time"] - pd.to_timedelta(seconds.fillna(0.0).astype("float64"), unit="s"),
            "end": log["time"],
            "ray_id": log["edge_ray_id"],
            "client_addr": log["client_addr"],
            "host": log["host"],
            "method": log["method"],
            "path": log["path"],
            "uri": log["path"] + ("?" + log["query"]).fillna(""),
            "user_agent": log["user_agent"],
            "status": log["status"],
            "body_bytes": log["body_bytes"],
            "duration_ms": (seconds * 1000).round(3),
            "cache_status": log["cache_status"].str.lower(),
            "origin_addr": log["upstream_addr"],
            "origin_status": status.mask(status.isna() & knows_origin, 0),
            "origin_duration_ms": (log["upstream_response_time_s"] * 1000).round(3),
            "origin_handshake_ms": (log["upstream_connect_time_s"] * 1000).round(3),
            "extra": log["extra"],
        }
    )
    return conform("edge_log", frame), replace(retrieval, source="edge_access")
