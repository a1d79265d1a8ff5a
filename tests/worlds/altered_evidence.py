"""The same evidence in other words: names, clocks, pace, a further service."""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import PurePath

import pandas as pd

from watchme_analysis.case.case_folder import Case
from worlds.health_world import ADDRESS, OTHER, START

SLOWER = 1.2
OTHER_NAMES = {
    "api.example.com": "www.example.org", "behavior": "gait", "emotion": "mood", "10.80.0.": "10.44.3.",
    "10.81.0.": "10.45.9.", "172.28.0.": "192.168.7.", "192.0.2.": "203.0.113.", "10.0.34.": "10.7.7.",
}  # fmt: skip
OTHER_DIGITS = str.maketrans("0123456789abcdef", "123456789abcdef0")
ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,32}")
POINTER = re.compile(r'(?<="@ptr",\s{17}"value": ")\S+')
TIME = re.compile(
    r"(?<!\d)(\d{4})([-/])(\d\d)\2(\d\d)([T ]|/(?=\d\d-\d\d/))(\d\d)([:-])(\d\d)"
    r"(?:\7(\d\d)(?:([.,])(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?"
)
EPOCH = re.compile(r"(?<![\w.-])1[67]\d{8}(?:\d{3}(?!\d))?(?:\.\d+)?(?![\w.])")
DURATION = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?= ?(?:ms|s|seconds)\b)")


def at_other_times(text, clock, zone=None):
    """Return a text with its times converted by ``clock``; those with an offset are shown in ``zone``."""

    @cache  # metrics give every series at the same times
    def stamp(*parts):
        year, mark, month, day, gap, hour, colon, minute, second, point, digits, offset = parts
        read = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}.{digits or '0':0<6}{offset or 'Z'}"
        at = clock(datetime.fromisoformat(read))
        if zone and offset not in (None, "Z"):
            at = at.astimezone(zone)
            offset = at.isoformat()[-6:] if ":" in offset else f"{at:%z}"
        seconds = f"{colon}{at:%S}" if second else ""
        fraction = point + f"{at:%f}"[: len(digits)] if digits else ""
        return f"{at:%Y{mark}%m{mark}%d}{gap}{at:%H{colon}%M}{seconds}{fraction}{offset or ''}"

    def epoch(found):
        whole, _, digits = found[0].partition(".")
        unit = 1000 if len(whole) == 13 else 1
        at = clock(datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(found[0]) / unit))
        return f"{at.timestamp() * unit:.{len(digits)}f}"

    return EPOCH.sub(epoch, TIME.sub(lambda found: stamp(*found.groups()), text))


def altered(case, text, clock=lambda at: at, pace=1.0):
    """Return a case with other texts, times and durations in its tables."""
    frames = {}
    for name in case.manifest["tables"]:
        frame = frames[name] = case.table(name).copy()
        for column, values in frame.items():
            if isinstance(values.dtype, pd.DatetimeTZDtype):
                changed = clock(exact_times(case)).dt.floor("s") if name == "error_log" else clock(values)
            elif column.endswith(("_s", "_ms")):
                changed = values * pace
            elif pd.api.types.is_string_dtype(values.dtype) and column != "file":
                changed = values.map({value: text(value) for value in values.dropna().unique()})
            else:
                continue
            frame[column] = changed.astype(values.dtype)
        if name == "metrics":
            timed = frame["metric"].isin(["Duration", "ApproximateAgeOfOldestMessage"])
            frame["value"] = frame["value"].where(~timed, frame["value"] * pace)
    return Case(case.path, json.loads(text(json.dumps(case.manifest))), frames)


def exact_times(case):
    """Return the times of the error log, which has whole seconds, as the access log has them."""

    def keys(frame):
        second = frame["time"].dt.floor("s")
        return pd.MultiIndex.from_arrays([second, frame["path"], frame.groupby([second, "path"]).cumcount()])

    errors, access = case.table("error_log"), case.table("access_log")
    failed = access[access["status"] >= 500]
    exact = pd.Series(failed["time"].array, index=keys(failed)).reindex(keys(errors)).array
    return pd.Series(exact, index=errors.index).fillna(errors["time"])


def slower(case):
    """Return a case that lasts a fifth longer, with its durations, intervals and limits."""
    start = START if case.window is None else case.window.start

    def clock(at):
        return start + (at - start) * SLOWER

    def text(value):
        value = re.sub(
            r'("VisibilityTimeout": ")(\d+)', lambda at: f"{at[1]}{int(at[2]) * SLOWER:.0f}", value
        )
        value = re.sub(r"\d+(?=r/s)", lambda rate: f"{int(rate[0]) / SLOWER:.0f}", value)
        value = re.sub(r'(?<=")\d+(?=s")', lambda limit: f"{int(limit[0]) * SLOWER * 1000:.0f}m", value)
        value = DURATION.sub(lambda found: f"{float(found[0]) * SLOWER:.6g}", value)
        return at_other_times(value, clock)

    return altered(case, text, clock, SLOWER)


def renaming(files):
    """Return a function that gives other names to the services, hosts and resources in a text."""
    names = dict(OTHER_NAMES)
    for path in files:
        if path.startswith(("queues/", "functions/")):
            name = re.sub("-(messages|concurrency|mappings)$", "", PurePath(path).stem)
            names.setdefault(name, f"unit{len(names)}" + ".fifo" * name.endswith(".fifo"))
    some = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    named = re.compile(rf"(?<![a-zA-Z0-9-])(?:{some})(?:(?<=\.)|(?![a-zA-Z0-9]))")
    return lambda text: named.sub(lambda found: names[found[0]], text)


def with_another_service(files):
    """Return evidence with one more service or queue: a healthy one again, under another name."""

    def its(text):
        text = ID.sub(lambda found: found[0].translate(OTHER_DIGITS), text)
        text = POINTER.sub(lambda found: found[0].swapcase(), text)
        text = text.replace("emotion", "billing").replace("172.28.0.12", "172.28.0.13")
        return re.sub(r"\bsed-", "bills-", text)

    def and_its(name, text):
        if name.startswith("metrics/") or name == "logs/queries.json":
            document = json.loads(text)
            rows = document["MetricDataResults"] if isinstance(document, dict) else document
            more = [json.loads(its(json.dumps(row))) for row in rows if "sed-" in json.dumps(row)]
            rows += [{**row, "Id": f"{row['Id']}b"} if "Id" in row else row for row in more]
            return json.dumps(document)
        lines = text.splitlines(keepends=True)
        if name.endswith((".log", ".jsonl", ".csv")):
            return "".join(line + its(line) * ("/emotion/" in line) for line in lines)
        if name == "uvicorn_command.txt":
            return text + its("".join(lines[2:]))
        blocks = r"(?ms)^ +(?:upstream emotion_api|location /emotion/) \{.*?^ +\}\n"
        return re.sub(blocks, lambda block: block[0] + its(block[0]), text) if name == "nginx.conf" else text

    own = {name: text for name, text in files.items() if "emotion" in name or "/sed-" in name}
    others = {name: and_its(name, text) for name, text in files.items() if name not in own}
    return others | own | {its(name): its(text) for name, text in own.items()}


def with_third_service(case):
    """Return a made-up case with one more service: the neighbour's rows again, under another name."""
    frames = {name: case.table(name) for name in case.manifest["tables"]}
    for name in ("access_log", "edge_log", "probes", "app_log"):
        more = frames[name][frames[name]["path"] == OTHER]
        more = more.replace({OTHER: "/third/healthz", ADDRESS[OTHER]: "192.0.2.13:8300"})
        ids = {ray: more[ray].str.translate(OTHER_DIGITS) for ray in {"ray_id", "edge_ray_id"} & set(more)}
        frames[name] = pd.concat(
            [frames[name], more.assign(line=more["line"] + 10_000, **ids)], ignore_index=True
        )
    return Case(case.path, case.manifest, frames)


def shuffled(path, text):
    """Return a log whose lines of the same second, or results of the same time, have another order."""
    if path.endswith(".json"):
        document = json.loads(text)
        times = groupby(document["results"], lambda row: next(each["value"] for each in row))
        document["results"] = [row for _, rows in times for row in reversed([*rows])]
        return json.dumps(document)
    lines = text.splitlines(keepends=True)
    seconds = groupby(lines, lambda line: re.split(r"\.\d|,\d{3} | \[", line)[0])
    return "".join(line for group in [list(group) for _, group in seconds]
                   for line in random.Random(path).sample(group, len(group)))  # fmt: skip
