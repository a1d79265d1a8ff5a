"""Logs Insights in memory on a clock of its own: many retrievals in the time of one over HTTP.

It knows what windows are made of: the filter by milliseconds, order, limit, and counts by bin.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil

from watchme_analysis.cloudwatch.session import RateLimits

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOUNDS = re.compile(r"filter toMillis\(@timestamp\) >= (\d+) and toMillis\(@timestamp\) < (\d+) \|")


def written(moment):
    return (EPOCH + timedelta(milliseconds=moment)).strftime("%Y-%m-%d %H:%M:%S.") + f"{moment % 1000:03d}"


class Model:
    """Stands for the account that is queried, and for the clock.

    Parameters
    ----------
    moments
        Epoch milliseconds of the events.
    whole
        Whether an end includes the whole of its second.
    takes
        Seconds that a query runs.
    streams
        Log streams to which the events belong in turn.
    """

    def __init__(self, moments, whole=True, takes=0.0, streams=1):
        self.moments, self.whole, self.takes = sorted(moments), whole, takes
        self.streams = [f"stream {number % streams}" for number in range(len(moments))]
        self.rate_limits = RateLimits()
        self.now, self.queries, self.polls = 0.0, [], 0
        self.started = []  # parameters of the queries that were started
        self.scanned = Counter()  # how often the events of a second were scanned

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += max(0.0, seconds)

    def client(self, _):
        return self

    meta = events = property(lambda self: self)

    def register(self, *_, **__):
        pass

    def call(self, _, operation, **requested):
        return getattr(self, operation)(**requested)

    def start_query(self, limit=10_000, **requested):
        self.started.append(requested | {"limit": limit})
        text, first, last = (requested[name] for name in ("queryString", "startTime", "endTime"))
        moments = self.moments
        low = bisect_left(moments, first * 1000)
        high = bisect_right(moments, last * 1000 + (999 if self.whole else 0))
        self.scanned.update(moment // 1000 for moment in moments[low:high])
        found = BOUNDS.search(text)
        if found:
            low = max(low, bisect_left(moments, int(found[1])))
            high = min(high, bisect_left(moments, int(found[2])))
        stream = re.search(r'@logStream = "([^"]*)"', text)
        matched = [n for n in range(low, high) if stream is None or self.streams[n] == stream[1]]
        bins = re.search(r"by bin\((\d+)s\)", text)
        if bins:
            width = int(bins[1]) * 1000
            counts = Counter(moments[n] // width * width for n in matched)
            rows = [{"b": written(at), "n": str(count)} for at, count in sorted(counts.items())]
        elif "by @logStream" in text:
            counts = Counter(self.streams[n] for n in matched)
            rows = [{"@logStream": name, "n": str(count)} for name, count in counts.items()]
        else:
            order = matched if "@timestamp asc" in text else matched[::-1]
            rows = [{"@timestamp": written(moments[n]), "@ptr": str(n)} for n in order[:limit]]
        self.queries.append((self.now + self.takes, rows, len(matched)))
        return {"queryId": str(len(self.queries) - 1)}

    def get_query_results(self, **requested):
        self.polls += 1
        ready, rows, matched = self.queries[int(requested["queryId"])]
        if self.now < ready:
            return {"status": "Running", "rows": []}
        return {"status": "Complete", "rows": rows, "statistics": {"recordsMatched": float(matched)}}


def least(moments, cap):
    """Return the events that any plan must scan: a second is scanned whole for each answer that it needs."""
    seconds = Counter(moment // 1000 for moment in moments)
    return sum(rows * ceil(rows / cap) for rows in seconds.values())
