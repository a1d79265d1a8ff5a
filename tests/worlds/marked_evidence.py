"""Bundled evidence with a marker where somebody outside can write: paths, names, messages, titles.

A harmless marker gives the evidence that a hostile one is compared with.
"""

import gzip
import json

from worlds.shorter_case import write_shorter


def write_health(source, folder, marker, *, title=None):
    """Write ``health-threadpool`` with the marker in paths, agents, messages, service names and the title."""
    folder.mkdir(parents=True)
    _write_title(folder, title or f"night {marker}")
    named = marker.replace("/", "")
    for path in sorted(source.iterdir()):
        name, text = _read(path)
        if name == "access.log":
            text = _json_lines(text, ("uri",), marker)
        elif name == "edge.jsonl":
            fields = ("ClientRequestPath", "ClientRequestURI", "ClientRequestUserAgent", "CacheCacheStatus")
            text = _json_lines(text, fields, marker)
        elif name == "probes.csv":
            text = "".join(_probe(line, marker) for line in text.splitlines(keepends=True))
        elif name.endswith(".log"):
            text = text.replace("/health", f"/health{marker}").replace("startup", f"startup {marker}")
        elif name.startswith("metrics"):
            text = text.replace("rss_mb\n", f'"queued {marker.replace(chr(34), chr(34) * 2)}"\n')
        elif name == "README.md":
            continue
        (folder / name.replace("-emotion", f"-emotion{named}")).write_text(text, encoding="utf-8")
    return folder


def write_backlog(folder, marker, *, title=None):
    """Write the shorter case with the marker in the names of a queue, a function, its messages and an alarm.

    The marker may hold no slash and no colon, which no ARN's name and no file name can.
    """
    for path in sorted(write_shorter(folder).rglob("*.json")):
        text = json.dumps(_marked(json.loads(path.read_text(encoding="utf-8")), marker))
        path.rename(path.with_name(path.name.replace("asr-", f"asr{marker}-"))).write_text(
            text, encoding="utf-8"
        )
    alarm = {
        "AlarmName": f"age {marker}", "AlarmDescription": marker, "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage", "Statistic": "Maximum", "Period": 300,
        "Dimensions": [{"Name": "QueueName", "Value": f"asr{marker}-queue"}], "EvaluationPeriods": 1,
        "Threshold": 60.0, "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    (folder / "alarms.json").write_text(json.dumps({"MetricAlarms": [alarm]}), encoding="utf-8")
    _write_title(folder, title or f"night {marker}")
    return folder


def _read(path):
    if path.suffix == ".gz":
        return path.stem, gzip.decompress(path.read_bytes()).decode()
    return path.name, path.read_text(encoding="utf-8")


def _write_title(folder, title):
    # JSON's escapes are TOML's, but for halves of surrogate pairs and one that json does not write.
    text = json.dumps(title, ensure_ascii=False).replace("\x7f", "\\u007f")
    (folder / "case.toml").write_text(f"title = {text}\n", encoding="utf-8")


def _json_lines(text, fields, marker):
    lines = []
    for line in text.splitlines():
        entry = json.loads(line)
        entry |= {field: entry[field] + marker for field in fields if entry.get(field)}
        lines.append(json.dumps(entry) + "\n")
    return "".join(lines)


def _probe(line, marker):
    moment, vantage, path, rest = line.split(",", 3)
    return line if moment == "timestamp" else f'{moment},{vantage},"{path}{_quoted(marker)}",{rest}'


def _quoted(marker):
    return marker.replace('"', '""')


def _marked(value, marker):
    if isinstance(value, dict):
        return {name: _marked(item, marker) for name, item in value.items()}
    if isinstance(value, list):
        return [_marked(item, marker) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("{"):
        try:
            return json.dumps(_marked(json.loads(value), marker))
        except ValueError:
            pass
    return value.replace("asr-", f"asr{marker}-")
