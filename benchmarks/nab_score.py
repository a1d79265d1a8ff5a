"""Score the onset detector on the Numenta Anomaly Benchmark's CloudWatch files, by NAB's own rules.

    .venv/bin/python benchmarks/nab_score.py NAB_FOLDER [--loo]

NAB_FOLDER holds realAWSCloudwatch/*.csv and labels/combined_windows.json. Standard profile: a true positive
weighs 1, a miss 1, a false positive 0.11; the first min(15 %, 750) rows are not scored. With --loo the days
looked back and the surprise are chosen for each file on the other files alone, and in a second line the
lengths of the windows, too (six minutes).
"""

import argparse
import itertools
import json
import math
import time
from pathlib import Path

import pandas as pd

from watchme_analysis.stats.metric_onsets import OnsetRule, metric_onsets

FALSE_POSITIVE = 0.11
# What leaving one file out chooses from, and the false events a week that it may not exceed on the others.
DAYS, SURPRISES = (4, 5, 6), [4.0 + 0.1 * step for step in range(16)]
HOURS = ((1.0,), (1.0, 2.0), (1.0, 4.0), (1.0, 2.0, 4.0))
FALSE_A_WEEK = 0.6


def sigmoid(x):
    return 2.0 / (1.0 + math.exp(5.0 * x)) - 1.0


def score(index, onsets, windows):
    """Return (raw score, windows, found windows, true events, false events, scored days)."""
    skip = min(int(0.15 * len(index)), 750)
    places = [index.searchsorted(onset) for onset in onsets]
    places = [place for place in places if place >= skip]
    spans = [(index.searchsorted(start), index.searchsorted(end, "right") - 1) for start, end in windows]
    raw, hit, false = 0.0, set(), 0
    for place in places:
        inside = next((i for i, (start, end) in enumerate(spans) if start <= place <= end), None)
        if inside is not None:
            if inside not in hit:
                start, end = spans[inside]
                raw += sigmoid(-(end - place + 1) / (end - start + 1)) / sigmoid(-1.0)
                hit.add(inside)
            continue
        false += 1
        before = [(start, end) for start, end in spans if end < place]
        if not before:
            raw -= FALSE_POSITIVE
        else:
            start, end = before[-1]
            far = (place - end) / max(1, end - start)
            raw += FALSE_POSITIVE * (sigmoid(far) if far <= 3 else -1.0)
    raw -= len(spans) - len(hit)
    days = (index[-1] - index[skip]).total_seconds() / 86400
    return raw, len(spans), len(hit), len(hit), false, days


def total(parts):
    raw, windows, found, true, false, days = map(sum, zip(*parts, strict=True))
    return {
        "score": round(100 * (raw + windows) / (2 * windows), 1),
        "precision": round(true / max(1, true + false), 2),
        "recall": round(found / windows, 2),
        "false events a week": round(false / days * 7, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("nab", type=Path)
    parser.add_argument("--loo", action="store_true", help="leave one file out")
    options = parser.parse_args()
    labels = json.loads((options.nab / "labels" / "combined_windows.json").read_text())
    files = {}
    for path in sorted((options.nab / "realAWSCloudwatch").glob("*.csv")):
        frame = pd.read_csv(path, parse_dates=["timestamp"])
        series = pd.Series(frame["value"].to_numpy(), index=pd.DatetimeIndex(frame["timestamp"], tz="UTC"))
        series = series[~series.index.duplicated(keep="last")].sort_index()
        pairs = labels[f"realAWSCloudwatch/{path.name}"]
        windows = [tuple(pd.Timestamp(bound, tz="UTC") for bound in pair) for pair in pairs]
        files[path.stem] = (series, windows)

    def parts(rule):
        return {
            name: score(series.index, [onset.time for onset in metric_onsets(series, rule)], windows)
            for name, (series, windows) in files.items()
        }

    begin, used = time.perf_counter(), time.process_time()
    usual = parts(OnsetRule())
    print(
        f"{len(files)} files in {time.perf_counter() - begin:.2f} s",
        f"({time.process_time() - used:.2f} s of CPU)",
        total(usual.values()),
    )
    for name, part in usual.items():
        print(f"  {name}: {part[2]} of {part[1]} windows, {part[4]} false")
    if options.loo:
        tried = {
            hours: [parts(OnsetRule(hours, d, s)) for d, s in itertools.product(DAYS, SURPRISES)]
            for hours in HOURS
        }
        print("left one out", total([chosen(tried[OnsetRule().hours], name)[name] for name in files]))
        every = [run for runs in tried.values() for run in runs]
        print("left one out, windows too", total([chosen(every, name)[name] for name in files]))


def chosen(tried, name):
    """Return the run that does best on all files but one: few false events first, then the score."""

    def merit(run):
        rest = total([part for other, part in run.items() if other != name])
        return rest["false events a week"] <= FALSE_A_WEEK, rest["score"]

    return max(tried, key=merit)


if __name__ == "__main__":
    main()
