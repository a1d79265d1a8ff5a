"""Public logs of other projects: requests by class of status, as read and as counted independently.

    git clone --depth 1 https://github.com/tstack/lnav logs/tstack+lnav     # and the other PROJECTS
    python benchmarks/public_logs.py logs

prints Markdown tables: by project and by file the lines, requests and rejected lines, and whether the number
of requests of each class of status (1xx to 5xx, and none) equals an independent count. That count is a few
regular expressions and JSON keys that share nothing with the readers. Only files in which either finds a
request are listed. Below follow rejected lines with their reasons. ``docs/generated/public-logs.md`` holds a
result.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.scan import AccessScan
from watchme_analysis.access_logs.summary import AccessSummary, columns_for
from watchme_analysis.errors import WatchmeError

# Files of each project that may hold requests, also among other lines.
PROJECTS = {
    "tstack/lnav": ("test/logfile_*", "docs/tutorials/playground/logs/access_log.gz"),
    "eliasdabbas/advertools": ("tests/data/logs_testing/*.log",),
    "tkuchiki/alp": ("example/logs/*_access.log",),
    "elastic/examples": ("Common Data Formats/*/*_logs",),
    "matomo-org/matomo-log-analytics": ("tests/logs/*",),
    "eldy/awstats": ("test/log/*.log",),
    "netdata/go.d.plugin": ("modules/weblog/testdata/*.log", "modules/squidlog/testdata/access.log"),
    "fail2ban/fail2ban": ("fail2ban/tests/files/logs/*",),
    "crowdsecurity/hub": (".tests/*/*.log",),
    "mozilla-services/heka": ("plugins/testsupport/*.log",),
    "log2timeline/plaso": (
        "test_data/*access*.log",
        "test_data/*gateway_access.json",
        "test_data/iis/*.log",
        "test_data/jsonl/gcp_logging.jsonl",
    ),
    "Ironholds/webreadr": ("inst/extdata/iis.log", "inst/extdata/log.squid", "inst/extdata/s3.log"),
    "GoogleCloudPlatform/ops-agent": ("transformation_test/testdata/logging_processor-*/input.log",),
    "google/mtail": ("internal/mtail/testdata/*.log",),
    "apache/metron": (
        "metron-platform/metron-integration-test/src/main/sample/data/squid/raw/*",
        "metron-platform/metron-parsing/metron-parsers/src/test/resources/logData/multi_elb*",
    ),
    "apache/drill": ("contrib/format-httpd/src/test/resources/httpd/*",),
    "nielsbasjes/logparser": (
        "examples/demolog/hackers-access.log",
        "httpdlog/httpdlog-inputformat/src/test/resources/access.log",
    ),
    "opensearch-project/opensearch-catalog": (
        "integrations/observability/a[mw]*/data/raw.log",
        "integrations/observability/nginx/data/raw.log",
    ),
    "gforcada/haproxy_log_analysis": ("tests/files/*.log",),
    "influxdata/telegraf": ("plugins/inputs/elasticsearch_query/testdata/nginx_logs",),
    "coralogix/coralogix-aws-shipper": ("tests/fixtures/elb.log.gz", "tests/fixtures/cloudfront.gz"),
    "grafana/loki": ("pkg/dataobj/internal/dataset/testdata/access_logs.gz",),
    "ossec/ossec-hids": ("etc/rules/log-entries/iis6",),
    "dpetzold/aws-log-parser": ("test/data/cloudfront-multiple.log", "test/data/loadbalancer_*.gz"),
    "rahulazad/testrpofortechsupport": ("cloudfront.log",),
    "RichMix/logAnalysisTools": ("access.log", "squid_access.log"),
    "1eps/squid_to_json": ("access.log",),
    "bikramsamal/Extraa": ("localhost_access_log.txt",),
    "TOnodera/djang-uwsgi-test": ("logs/uwsgi.log",),
    "bohdanpopovych/ia_scrapper": ("runserver.log",),
    "1JigSaW/something_new_api": ("uvicorn.log",),
    "Maple06/fastapi-indobert-nlp": ("logs/uvicorn.log.2023-04-1*",),
    "Maple06/fastapi-recog-refactored": ("logs/uvicorn.log",),
    "IvanStriker/ITMOSummer": ("gunicorn.log",),
    "harsha-mangena/word-query": ("logs/gunicorn_access.log",),
    "kidozh/npuacmLabsite": ("log/server.log", "log/server.log.2017-04-09"),
    "benrito/FeedbackerCAB": ("tornado.log",),
    "May-Hong/API-Tool": ("tornado.log",),
    "gmacon/fcgi-repro": ("caddy.log",),
    "Dmi3Iva/HomeWorkStepic": ("ng_acc.log",),
}

# Statuses of lines of text, in the order in which they are tried.
_STATUS = (
    # Application Load Balancer: request, target and response time, status, status of the target.
    re.compile(r"^(?:https?|h2|grpcs|wss?) \S+ app/\S+ \S+ \S+ \S+ \S+ \S+ (\d{3}|-) "),
    # Classic Load Balancer.
    re.compile(r"^\S+Z \S+ \S+:\d+ \S+ \S+ \S+ \S+ (\d{3}|-) .*\"(?:[A-Z]+|-) "),
    # Bitbucket.
    re.compile(r' \| "[^"]*" \| "[^"]*" "[^"]*" \| (\d{3}) \| '),
    # Confluence and Jira.
    re.compile(r" [A-Z]+ \S+ HTTP/[\d.]+ (\d{3}) \d+ms "),
    # CouchDB.
    re.compile(r" [A-Z]+ /\S* (\d{3}) \w+ \d+$"),
    # Squid.
    re.compile(r" [A-Z_]+/(\d{3}) \d+ [A-Z]+ "),
    # Gin.
    re.compile(r"^\[GIN\] [^|]*\| (\d{3}) \| "),
    # Tornado.
    re.compile(r"(?:^|[ :])(\d{3}) [A-Z]+ \S+ \([^)]*\) [\d.]+ms$"),
    # NPMplus.
    re.compile(r'^\[[^\]]+\] \S+ \S+ [\d.]+ "[^"]*" (\d{3}) '),
    # Zoraxy.
    re.compile(r"\] [A-Z]+ /\S* (\d{3})$"),
    # IIS and CloudFront without #Fields.
    re.compile(r"^\d{4}-\d\d-\d\d [\d:]{8} .* (\d{3}) \d+ \d+ \d+(?: \d+ \d+)?\s*$"),
    re.compile(r"^\d{4}-\d\d-\d\d\s+[\d:]{8}\s+[A-Z]{3}\S+\s+\d+\s+\S+\s+[A-Z]+\s+\S+\s+\S+\s+(\d{3})\s"),
    # HAProxy: timers, status, bytes, two cookies, termination state.
    re.compile(r" [-+\d]+(?:/[-+\d]+){4} (\d{3}|-1) \+?\d+ \S+ \S+ [\w-]{4} \d+/"),
    # Labels.
    re.compile(r"(?:^|\t)status:(\d{3})(?:\t|$)"),
    # uWSGI.
    re.compile(r" => generated \d+ bytes in .* \(HTTP/[\d.]+ (\d{3})\)"),
    # Nginx Proxy Manager.
    re.compile(r" (\d{3}) - [A-Z]+ https? \S+ \""),
    # Labels of another kind.
    re.compile(r"(?:^| )(?:status|httpStatus)=(\d{3})(?: |$)"),
    # Anything in quotes behind a time, and the status behind it.
    re.compile(r'\] "(?:[^"\\]|\\.)*" (\d{3}|-)(?: |$)'),
    # A request in quotes, and the status behind it.
    re.compile(r'"[A-Z-]+ (?:[^"\\]|\\.)*" (\d{3})(?: |$)'),
)
_JSON_STATUS = (
    ("response", "status"),
    ("res", "statusCode"),
    ("status",),
    ("httpRequest", "status"),
    ("properties", "httpStatus"),
    ("response_status",),
    ("EdgeResponseStatus",),
    ("DownstreamStatus",),
    ("response_code",),
    ("response",),
    ("http_status",),
)
_DOCKER = re.compile(r"^[^{]*(?=\{)")


def status_of(line: str, fields: Sequence[str] = ()) -> int | None:
    """Return the status of a line's request, 0 if it has none; None if the line holds no request.

    Parameters
    ----------
    line
        Line without line end.
    fields
        Names of the fields, from ``#Fields`` of the W3C format.
    """
    if "{" in line and line.rstrip().endswith("}"):
        try:
            found = json.loads(_DOCKER.sub("", line))
        except ValueError:
            return None
        for keys in _JSON_STATUS:
            value = found
            for key in keys:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None and not isinstance(value, dict):
                return _number(value)
        inner = next((found[name] for name in ("log", "message") if isinstance(found.get(name), str)), "")
        return status_of(inner.rstrip("\n"))
    if fields and not line.startswith("#"):
        values = line.split("\t") if "\t" in line else re.findall(r'"[^"]*"|\S+', line)
        at = next(
            (fields.index(name) for name in ("sc-status", "c-status", "status_code") if name in fields), None
        )
        return None if at is None or at >= len(values) else _number(values[at])
    for pattern in _STATUS:
        found_text = pattern.search(line)
        if found_text:
            return _number(found_text[1])
    return None


def _number(value: Any) -> int:
    text = str(value).strip('"')
    return int(text) if re.fullmatch(r"\d{3}", text) else 0


def counted(path: Path) -> Counter[str]:
    """Return the number of requests of a file by class of status, counted independently."""
    opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    found: Counter[str] = Counter()
    fields: list[str] = []
    with opened(path, "rb") as file:
        for raw in file.read().split(b"\n"):
            line = raw.decode("utf-8", "replace").rstrip("\r")
            if line.startswith(("#Fields:", "#fields")):
                fields = re.split(r"\s+", line.split(None, 1)[1].strip())
            status = status_of(line, fields)
            if status is not None:
                found[class_of(status)] += 1
    return found


def class_of(status: int | None) -> str:
    """Return the class of a status, such as ``4xx``; ``none`` for no status."""
    return f"{status // 100}xx" if status else "none"


@dataclass
class Read:
    """Result of reading a file, or the sentence that says why it was not read."""

    lines: int = 0
    rows: int = 0
    rejected: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first: str = ""
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Read:
    """Return what the project's own reader finds in a file."""
    found = Read()
    try:
        scan = AccessScan([path], selection=Selection(columns_for("status")))
        summary = AccessSummary("status")
        for chunk in scan:
            summary.add(chunk.table)
    except WatchmeError as error:
        found.reasons[str(error)] += 1
        return found
    for one in scan.retrievals:
        found.lines += one.lines or 0
        found.rows += one.rows
        found.rejected += one.rejected_lines
        found.reasons.update(item.reason for item in one.rejected)
        found.first = found.first or next((item.text for item in one.rejected), "")
        found.notes += one.notes
    for status, requests in summary.statuses().items():
        found.classes[class_of(status)] += requests
    return found


def files_of(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield project, folder of its clone and file, for the projects that are there."""
    for project, patterns in PROJECTS.items():
        names = (project, project.replace("/", "+"), project.split("/")[1])
        root = next((folder / name for name in names if (folder / name).is_dir()), None)
        if root is not None:
            found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
            yield from ((project, root, path) for path in sorted(found))


def shown(classes: Counter[str]) -> str:
    """Return the classes with their numbers in one line."""
    return ", ".join(f"{name} {number:,}" for name, number in sorted(classes.items()) if number) or "none"


def printable(text: str, size: int) -> str:
    """Return the beginning of a line of any bytes, for a table."""
    return "".join(char if char.isprintable() and char != "|" else "." for char in text[:size])


def main(arguments: Iterable[str] | None = None) -> None:
    """Read and count the files of a folder of clones, and print the tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("folder", type=Path, help="Folder with a clone of each project.")
    folder = options.parse_args(list(arguments) if arguments is not None else None).folder
    rows, differing, rejected = [], [], []
    totals: dict[str, Counter[str]] = {}
    for project, root, path in files_of(folder):
        expected, mine = counted(path), read(path)
        if not expected and not mine.rows:
            continue
        name = path.relative_to(root).as_posix()
        is_equal = +expected == +mine.classes
        numbers = {"lines": mine.lines, "requests": mine.rows, "rejected": mine.rejected}
        totals.setdefault(project, Counter()).update({"files": 1, "equal": is_equal, **numbers})
        cells = " | ".join(f"{number:,}" for number in numbers.values())
        rows.append(
            f"| {project} | {name} | {cells} | {shown(mine.classes)} | {'yes' if is_equal else 'NO'} |"
        )
        if not is_equal:
            differing.append(f"| {project} | {name} | {shown(mine.classes)} | {shown(expected)} |")
        if mine.reasons:
            why = "; ".join(f"{reason} ({number})" for reason, number in mine.reasons.most_common(3))
            rejected.append(f"- {project} {name}: {why}: `{printable(mine.first, 120)}`")
    print("| project | files | lines | requests | rejected | files with equal statuses |")
    print("|---|--:|--:|--:|--:|--:|")
    for project, found in [*totals.items(), ("all", sum(totals.values(), Counter()))]:
        cells = " | ".join(f"{found[name]:,}" for name in ("files", "lines", "requests", "rejected", "equal"))
        print(f"| {project} | {cells} |")
    print("\nDiffering\n\n| project | file | read | counted |\n|---|---|---|---|", *differing, sep="\n")
    print("\nFiles\n\n| project | file | lines | requests | rejected | statuses | equal |")
    print("|---|---|--:|--:|--:|---|---|", *rows, sep="\n")
    print("\nRejected lines\n", *rejected, sep="\n")


if __name__ == "__main__":
    main()
