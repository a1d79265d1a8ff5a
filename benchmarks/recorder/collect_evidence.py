"""Write the evidence of a recording in the file layout that ``watchme import`` reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed import HERE, Testbed

from watchme_analysis.evidence import prober


def edge_rows(raw: Path) -> Iterator[str]:
    """Yield the edge's log lines with the field names and units of Cloudflare's Logpush."""
    for line in raw.read_text().splitlines():
        fields: dict[str, Any] = json.loads(line)
        times = {
            name: float(fields.pop(f"{name}_s").rpartition(",")[2].strip(" -") or 0)
            for name in ("end", "request_time", "header_time", "response_time", "connect_time")
        }
        start = times["end"] - times["request_time"]
        for name, moment in (("EdgeStartTimestamp", start), ("EdgeEndTimestamp", times["end"])):
            fields[name] = (
                datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            )
        fields["OriginIP"] = fields["OriginIP"].rpartition(":")[0]
        # Without a response from the origin, Nginx logs its own 502 or 504 as the upstream status.
        silent = fields["EdgeResponseStatus"] in ("521", "524")
        fields["OriginResponseStatus"] = 0 if silent else int(fields["OriginResponseStatus"].strip(" -") or 0)
        fields["EdgeResponseStatus"] = int(fields["EdgeResponseStatus"])
        fields["EdgeResponseBytes"] = int(fields["EdgeResponseBytes"])
        fields["CacheCacheStatus"] = fields["CacheCacheStatus"] or "dynamic"
        fields["EdgeTimeToFirstByteMs"] = round(times["header_time"] * 1000)
        fields["OriginResponseDurationMs"] = round(times["response_time"] * 1000)
        fields["OriginTCPHandshakeDurationMs"] = round(times["connect_time"] * 1000)
        yield json.dumps(fields)


def collect(testbed: Testbed, out: Path, confs: dict[str, str], probed: list[Path]) -> None:
    """Copy logs, configurations, source, metrics and probes from the testbed into the folder ``out``."""
    out.mkdir(parents=True)
    shutil.copy(testbed.work / "logs" / "access.log", out / "access.log")
    shutil.copy(testbed.work / "logs" / "origin-error.log", out / "error.log")
    shutil.copy(testbed.work / "logs" / "app.out", out / "app.log")
    shutil.copy(testbed.app_source, out / "app.py")
    shutil.copy(HERE / "apps" / "common.py", out / "common.py")
    shutil.copy(testbed.work / "metrics.csv", out / "metrics.csv")
    for name, conf in confs.items():
        (out / name).write_text(conf)
    (out / "uvicorn_command.txt").write_text(
        f"# api, {testbed.app_address.rpartition(':')[0]}\n{testbed.command()}\n"
    )
    (out / "edge.jsonl").write_text(
        "".join(line + "\n" for line in edge_rows(testbed.work / "logs" / "edge.raw"))
    )
    rows = sorted(line for path in probed for line in path.read_text().splitlines()[1:])
    (out / "probes.csv").write_text("\n".join([",".join(prober.COLUMNS), *rows]) + "\n")
