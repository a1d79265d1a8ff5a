"""Write the evidence of a recording in the file layout that ``watchme case import`` reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed import Testbed

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


def compose_file(testbed: Testbed) -> str:
    """Return a Compose file that describes the containers: addresses, commands, limits, restarts."""
    options, lines = testbed.options, ["services:"]
    for service in (*testbed.services, *testbed.replicas):
        lines += [
            f"  {service.name}:",
            f"    command: {service.command()}",
            "    restart: always",
            "    networks:",
            "      watchme-network:",
        ]
        if not options.names:
            lines.append(f"        ipv4_address: {service.address.rpartition(':')[0]}")
        if service is testbed.target and options.cpus:
            lines.append(f"    cpus: {options.cpus:g}")
        if service is testbed.target and options.memory_mb:
            lines.append(f"    mem_limit: {options.memory_mb}m")
    lines += ["networks:", "  watchme-network:", "    driver: bridge"]
    return "".join(line + "\n" for line in lines)


def collect(testbed: Testbed, out: Path, confs: dict[str, str], probed: list[Path]) -> None:
    """Copy logs, configurations, source, metrics and probes from the testbed into the folder ``out``.

    Files of the first service have plain names; those of a second one end with its name.
    """
    out.mkdir(parents=True)
    shutil.copy(testbed.work / "logs" / "access.log", out / "access.log")
    shutil.copy(testbed.work / "logs" / "origin-error.log", out / "error.log")
    commands = ""
    for service in (*testbed.services, *testbed.replicas):
        ending = "" if service is testbed.services[0] else f"-{service.name}"
        shutil.copy(service.log, out / f"app{ending}.log")
        shutil.copy(service.work / "metrics.csv", out / f"metrics{ending}.csv")
        commands += f"# {service.name}, {service.address.rpartition(':')[0]}\n{service.command()}\n"
    for file in ("app.py", "app.js", "common.py"):
        if (testbed.services[0].work / file).exists():
            shutil.copy(testbed.services[0].work / file, out / file)
    for name, conf in confs.items():
        (out / name).write_text(conf)
    (out / ("uvicorn_command.txt" if testbed.options.server == "uvicorn" else "start.sh")).write_text(
        commands
    )
    if testbed.kubelet:
        for name, text in testbed.kubelet.shown.items():
            (out / name).write_text(text)
    elif testbed.network.isolated:
        (out / "compose.yml").write_text(compose_file(testbed))
    if testbed.options.edge:
        rows = edge_rows(testbed.work / "logs" / "edge.raw")
        (out / "edge.jsonl").write_text("".join(line + "\n" for line in rows))
    rows = sorted(line for path in probed for line in path.read_text().splitlines()[1:])
    (out / "probes.csv").write_text("\n".join([",".join(prober.COLUMNS), *rows]) + "\n")
