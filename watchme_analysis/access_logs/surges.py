"""A surge of requests in an access log, and the client or agent that most of it comes from.

The number of requests by time step is counted in the scan. Only if that shows a surge, the logs are read once
more, to compare the senders of the surge with those of the remaining time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watchme_analysis.access_logs.filters import RequestFilter
from watchme_analysis.access_logs.grouped_sums import GroupedSums, Names, sums_by
from watchme_analysis.files.arrow_arrays import nulls_of, numbers_of, whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# Requests of a step, as a multiple of those of an ordinary step, from which it belongs to a surge: twice what
# the busiest hour of a day usually has. Chance alone makes steps with few requests vary by five deviations.
SURGE_RATIO, DEVIATIONS = 4.0, 5.0
# Requests above the usual number from which a surge is more than a page with its images.
LEAST_EXCESS = 50
# Share of the excess that makes it the surge of one client or agent.
ONE_SENDER_SHARE = 0.6
# Columns of senders, and the words for them.
SENDERS = {"client": "client_addr", "agent": "user_agent"}
# Steps in seconds; the longest is used that a log has at least so many of: 10 s in an hour, minutes in a day.
STEPS_S = (1, 10, 60, 600, 3600, 86_400)
_FEWEST_STEPS = 300
_MOST_STEPS = 100_000
# Senders kept; rarer ones cannot have sent most of a surge.
_MOST_SENDERS = 50_000
_MICROSECONDS = 1_000_000
_EPOCH = datetime.fromtimestamp(0, UTC)
_WORD = re.compile(r"[^\s;,()]+")


@dataclass
class Arrivals:
    """Number of requests by time step; additive, in bounded memory.

    ``step_s``: length of a step in seconds.
    """

    step_s: int = STEPS_S[0]
    _counts: GroupedSums = field(default_factory=lambda: GroupedSums(1, 1))

    def add(self, times: pa.ChunkedArray) -> None:
        """Add requests by their times; requests without a time are left out."""
        import numpy as np

        steps = _microseconds(times) // (self.step_s * _MICROSECONDS)
        # Logs are nearly in order of time, so that runs of a step are few; any order has the same result.
        ends = np.append(np.flatnonzero(steps[1:] != steps[:-1]), len(steps) - 1) if len(steps) else steps
        self._counts.add(steps[ends], np.diff(ends, prepend=-1).astype(np.float64))
        self._bound()

    def merge(self, other: Arrivals) -> None:
        """Add the arrivals of another instance, which is consumed."""
        step_s = max(self.step_s, other.step_s)
        self._coarsen(step_s)
        other._coarsen(step_s)
        self._counts.merge(other._counts)
        self._bound()

    def surge(self) -> Surge | None:
        """Return the steps with far more requests than usual; None without a surge."""
        import numpy as np

        steps, counts = self._counts.columns()
        if not len(steps):
            return None
        span_s = int(steps[-1] - steps[0] + 1) * self.step_s
        step_s = max([self.step_s, *(one for one in STEPS_S if span_s >= one * _FEWEST_STEPS)])
        factor = step_s // self.step_s
        places = steps // factor - steps[0] // factor
        per_step = np.bincount(places, counts)
        # Most steps of a quiet log have no request at all.
        filled = np.sort(per_step[per_step > 0])
        # The median, without numpy's function, which loads masked arrays.
        usual = float(filled[(len(filled) - 1) // 2] + filled[len(filled) // 2]) / 2
        limit = max(SURGE_RATIO * usual, usual + DEVIATIONS * math.sqrt(max(usual, 1.0)))
        full = np.flatnonzero(per_step >= limit)
        if not len(full) or float((per_step[full] - usual).sum()) < LEAST_EXCESS:
            return None
        return Surge(
            frozenset((full + steps[0] // factor).tolist()),
            step_s,
            int(per_step[full].sum()),
            usual,
            len(per_step),
        )

    def _bound(self) -> None:
        while len(self._counts) > _MOST_STEPS and self.step_s < STEPS_S[-1]:
            self._coarsen(next(one for one in STEPS_S if one > self.step_s))

    def _coarsen(self, step_s: int) -> None:
        if step_s > self.step_s:
            steps, counts = self._counts.columns()
            self._counts = GroupedSums(1, 1)
            self._counts.add(steps // (step_s // self.step_s), counts)
            self.step_s = step_s


@dataclass(frozen=True)
class Surge:
    """Time steps with far more requests than usual.

    - ``steps``: Numbers of the steps, counted from the epoch.
    - ``step_s``: length of a step in seconds.
    - ``requests``: number of requests in these steps.
    - ``usual``: number of requests of an ordinary step: the median of the steps with requests.
    - ``all_steps``: number of steps from the first request to the last.
    """

    steps: frozenset[int]
    step_s: int
    requests: int
    usual: float
    all_steps: int

    @property
    def start(self) -> datetime:
        """Start of the first step."""
        return _EPOCH + timedelta(seconds=min(self.steps) * self.step_s)

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return _EPOCH + timedelta(seconds=(max(self.steps) + 1) * self.step_s)

    @property
    def excess(self) -> float:
        """Number of requests above the usual number."""
        return self.requests - self.usual * len(self.steps)

    def report(self) -> dict[str, Any]:
        """Return the numbers of the surge as a JSON-ready object; times are in UTC."""
        usual = self.usual * len(self.steps)
        return {
            "start": self.start,
            "end": self.end,
            "step_s": self.step_s,
            "steps": len(self.steps),
            "requests": self.requests,
            "usual_requests": usual,
        }


@dataclass
class SenderCounts:
    """Number of requests by sender, within a surge and outside of it; additive, in bounded memory.

    ``choice``: filter of requests.
    """

    surge: Surge
    choice: RequestFilter = field(default_factory=RequestFilter)
    _names: dict[str, Names] = field(default_factory=lambda: {one: Names() for one in SENDERS})
    _counts: dict[str, GroupedSums] = field(
        default_factory=lambda: {one: GroupedSums(2, 1) for one in SENDERS}
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of requests that are needed."""
        return tuple(dict.fromkeys(("time", *SENDERS.values(), *self.choice.columns)))

    def add(self, table: pa.Table) -> None:
        """Add the matching requests of a table with the columns of :attr:`columns`."""
        import numpy as np
        import pyarrow.compute as pc

        known = self.choice.of(table)
        known = known.filter(pc.is_valid(known["time"]))
        if not len(known):
            return
        steps = _microseconds(known["time"]) // (self.surge.step_s * _MICROSECONDS)
        inside = np.isin(steps, np.array(sorted(self.surge.steps))).astype(np.int64)
        for word, column in SENDERS.items():
            numbers = self._names[word].numbers(known[column], list, None)
            self._counts[word].add(numbers, inside, np.ones(len(numbers)))
            self._bound(word)

    def merge(self, other: SenderCounts) -> None:
        """Add the counts of another instance for the same surge, which is consumed."""
        for word in SENDERS:
            other._counts[word].rename(0, self._names[word].of(other._names[word]))
            self._counts[word].merge(other._counts[word])
            self._bound(word)

    def leading(self) -> dict[str, dict[str, Any]]:
        """Return the client and the agent that most of the surge's excess comes from, as far as there is one.

        By a word of :data:`SENDERS`: ``value``, ``requests`` in the surge, ``excess_pct``; for an agent also
        ``distinguishing``, the part of its text that other requests have least.
        """
        found = {}
        for word in SENDERS:
            texts = self._names[word].texts()
            sender, inside, count = self._counts[word].columns()
            during, other = (sums_by(sender, count * (inside == one), len(texts)) for one in (1, 0))
            # Outside of the surge each sender has its usual rate.
            elsewhere = max(self.surge.all_steps - len(self.surge.steps), 1)
            excess = during - other * len(self.surge.steps) / elsewhere
            at = int(excess.argmax()) if len(texts) else -1
            if at < 0 or texts[at] is None or excess[at] < ONE_SENDER_SHARE * self.surge.excess:
                continue
            if other[at] >= ONE_SENDER_SHARE * other.sum() > 0:
                # A proxy in front, or the only program that ever calls, shows nothing about the surge.
                continue
            value = str(texts[at])
            found[word] = {
                "value": value,
                "requests": int(during[at]),
                "excess_pct": min(100.0, 100 * float(excess[at]) / self.surge.excess),
            }
            if word == "agent":
                weights = {text: float(total) for text, total in zip(texts, other, strict=True) if text}
                found[word]["distinguishing"] = distinguishing_part(value, weights)
        return found

    def _bound(self, word: str) -> None:
        """Leave out the rarest senders if there are very many."""
        import numpy as np

        if len(self._names[word]) <= 2 * _MOST_SENDERS:
            return
        sender, inside, count = self._counts[word].columns()
        texts = self._names[word].texts()
        totals = sums_by(sender, count, len(texts))
        kept, numbers = Names(), np.full(len(texts), -1)
        for at in np.argsort(-totals, kind="stable")[:_MOST_SENDERS].tolist():
            numbers[at] = kept.number(texts[at])
        mine = numbers[sender] >= 0
        self._names[word], self._counts[word] = kept, GroupedSums(2, 1)
        self._counts[word].add(numbers[sender][mine], inside[mine], count[mine])


def distinguishing_part(agent: str, others: Mapping[str, float]) -> str:
    """Return the word of an agent's text that the fewest requests of other agents have.

    ``agent``: the text of the agent, such as ``Mozilla/5.0 (compatible; ExampleBot/2.1;
    +http://example.com/bot)``; ``others``: number of requests by agent.

    A product with its version is preferred to other words, and an address is taken last.
    """
    words: list[str] = [word for word in _WORD.findall(agent) if re.search(r"[^\W\d_]", word)]
    if not words:
        return agent
    shares = dict.fromkeys(words, 0.0)
    for text, requests in others.items():
        if text != agent:
            for word in set(_WORD.findall(text)) & shares.keys():
                shares[word] += requests
    return min(words, key=lambda word: (shares[word], "://" in word, "/" not in word))


def _microseconds(times: pa.ChunkedArray) -> Array:
    """Return the known times in microseconds since the epoch."""
    column = whole(times)
    numbers: Array = numbers_of(column)
    return numbers[~nulls_of(column)] if column.null_count else numbers
