"""The CloudWatch metric ``HealthCheckFailed``, written from health probes once a minute.

A minute's checks of a URL are one datum with the numbers of failed and good checks, so that the statistic
Minimum is 1 only if all of them failed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import ServiceError
from watchme_analysis.evidence.probes import is_success
from watchme_analysis.prices import (
    CUSTOM_METRIC_USD_PER_MONTH,
    MINUTES_PER_MONTH,
    PUT_METRIC_DATA_USD,
)
from watchme_analysis.remedies.alarm_definitions import (
    HEALTH_DIMENSION,
    HEALTH_METRIC,
    HEALTH_NAMESPACE,
    HEALTH_PERIOD_S,
)
from watchme_analysis.text.message import Message, Resource, message, value_of
from watchme_analysis.text.render import text_of_error

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws

# Data in one PutMetricData call.
_MOST_DATA = 500
# Minutes that are kept while CloudWatch can't be reached; it accepts data of the last two weeks.
_MOST_KEPT = 10_000


def monthly_usd(urls: int) -> float:
    """Return the list price in USD per month of the metric of some URLs, alarms not included."""
    return urls * CUSTOM_METRIC_USD_PER_MONTH + MINUTES_PER_MONTH * PUT_METRIC_DATA_USD


class MetricPublisher:
    """Collects results of probes, and writes them every ``every_s`` seconds from a thread of its own.

    A response that takes longer than ``slow_s`` seconds is a failed check.
    """

    def __init__(self, aws: Aws, slow_s: float | None = None, every_s: float = HEALTH_PERIOD_S) -> None:
        self._aws, self._slow_s, self._every_s = aws, slow_s, every_s
        self._minutes: dict[tuple[str, datetime], Counter[float]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.written, self.lost, self.problem = 0, 0, ""

    def add(self, url: str, result: Mapping[str, Any]) -> None:
        """Add the result of a probe."""
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        is_slow = self._slow_s is not None and float(result["seconds"]) > self._slow_s
        is_failed = is_slow or not is_success(result["status"], result["error"])
        with self._lock:
            checks = self._minutes.setdefault((url, minute), Counter())
            checks[float(is_failed)] += 1
            while len(self._minutes) > _MOST_KEPT:
                self._minutes.pop(next(iter(self._minutes)))
                self.lost += 1

    def flush(self) -> None:
        """Write everything that was added; keep it for later when CloudWatch can't be reached."""
        with self._lock:
            due, self._minutes = self._minutes, {}
        data = [
            {
                "MetricName": HEALTH_METRIC,
                "Dimensions": [{"Name": HEALTH_DIMENSION, "Value": url}],
                "Timestamp": minute,
                "Values": list(checks),
                "Counts": [float(count) for count in checks.values()],
                "Unit": "Count",
            }
            for (url, minute), checks in due.items()
        ]
        for first in range(0, len(data), _MOST_DATA):
            part = data[first : first + _MOST_DATA]
            try:
                self._aws.call("cloudwatch", "put_metric_data", Namespace=HEALTH_NAMESPACE, MetricData=part)
            except ServiceError as error:
                self.problem = text_of_error(error)
                with self._lock:
                    for key in [*due][first:]:
                        self._minutes.setdefault(key, Counter()).update(due[key])
                return
            self.written += len(part)

    @property
    def unwritten(self) -> int:
        """Return the number of data points that were not written."""
        return self.lost + len(self._minutes)

    def summary(self) -> Message:
        """Return the number of data points written and lost, and the last problem."""
        return message(
            "probe-published",
            points=self.written,
            metric=Resource(HEALTH_METRIC),
            lost=self.unwritten,
            problem=value_of(self.problem),
        )

    def __enter__(self) -> MetricPublisher:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread, and write the rest."""
        self._stop.set()
        self._thread.join()
        self.flush()

    def _loop(self) -> None:
        while not self._stop.wait(self._every_s):
            self.flush()
