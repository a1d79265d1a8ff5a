"""The bundled case of a DLQ, cut to eight hours, two of its queues and ten messages."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

WHOLE = Path(__file__).resolve().parents[2] / "data" / "backlog-dlq"
# Around the deployment that broke the function of the first queue.
START = datetime(2025, 11, 17, 21, tzinfo=UTC)
BROKEN = datetime(2025, 11, 18, 2, 2, tzinfo=UTC)
BETWEEN = timedelta(minutes=5)
END = START + timedelta(hours=8)
KEPT = ("asr", "sed")
MESSAGES = 10


def write_shorter(folder):
    """Write the evidence to a folder, without compression, and return the folder."""
    ids = {query["Id"] for query in _read(WHOLE / "metrics/metric-data-queries.json") if _is_kept(query)}
    for path in sorted(WHOLE.rglob("*.json*")):
        if path.parent != WHOLE and path.parent.name != "metrics" and not _named(path.name):
            continue
        target = folder / path.relative_to(WHOLE).with_name(path.name.removesuffix(".gz"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(_cut(path.name, _read(path), ids)))
    return folder


def _read(path):
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def _named(name):
    return name.startswith((*KEPT, "queries"))


def _is_kept(query):
    return _named(query["MetricStat"]["Metric"]["Dimensions"][0]["Value"])


def _cut(name, content, ids):
    if name == "metric-data-queries.json":
        return [query for query in content if query["Id"] in ids]
    if name == "queries.json":
        return [query for query in content if _named(query["output"])]
    if "MetricDataResults" in content:
        series = [one for one in content["MetricDataResults"] if one["Id"] in ids]
        return content | {"MetricDataResults": [_cut_series(one) for one in series]}
    if "Messages" in content:
        return content | {"Messages": content["Messages"][:MESSAGES]}
    if "results" in content:
        return content | {"results": _cut_log(name, content["results"])}
    if name == "asr-queue-dlq.json":
        content["Attributes"]["ApproximateNumberOfMessages"] = str(MESSAGES)
    return content


def _cut_series(series):
    pairs = zip(series["Timestamps"], series["Values"], strict=True)
    kept = [pair for pair in pairs if _is_within(datetime.fromisoformat(pair[0]))]
    return series | {"Timestamps": [time for time, _ in kept], "Values": [value for _, value in kept]}


def _cut_log(name, rows):
    if name.startswith("asr-worker-errors"):
        # The whole export is cut at its limit and begins later: its errors are moved to where runs failed.
        return [_moved(row, BROKEN + n * BETWEEN) for n, row in enumerate(rows[: 3 * MESSAGES])]
    return [row for row in rows if _is_within(_logged_at(row))]


def _moved(row, time):
    text = time.strftime("%Y-%m-%d %H:%M:%S.000")
    return [cell | {"value": text} if cell["field"] == "@timestamp" else cell for cell in row]


def _logged_at(row):
    (text,) = (cell["value"] for cell in row if cell["field"] == "@timestamp")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is_within(time):
    return START <= time < END
