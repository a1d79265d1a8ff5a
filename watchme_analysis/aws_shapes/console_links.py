"""Links into the AWS console: metrics in a window, Logs Insights with a query, queues, functions, changes.

AWS documents none of these addresses. Sources of their shapes:

- metrics: Grafana's CloudWatch data source (``deeplink.js`` with the graph as JSON in the fragment).
- Logs Insights: Grafana and many others; the query is encoded as JSURL (https://github.com/Sage/jsurl), whose
  ``%`` is ``*``, and escaped twice, whose ``%`` is ``$``.
- queues, functions and CloudTrail events: the addresses that the consoles themselves show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from watchme_analysis.window import Window

# Host of the console and of the services by prefix of the region; AWS calls these partitions.
_PARTITIONS = {
    "cn-": ("console.amazonaws.cn", "amazonaws.com.cn"),
    "us-gov-": ("console.amazonaws-us-gov.com", "amazonaws.com"),
}
_COMMERCIAL = ("console.aws.amazon.com", "amazonaws.com")
# Characters that JavaScript's encodeURIComponent keeps beside letters and digits.
_KEPT = "-_.!~*'()"


@dataclass(frozen=True)
class Place:
    """Region and account that links lead to."""

    region: str
    account_id: str

    def _partition(self) -> tuple[str, str]:
        return next(
            (hosts for prefix, hosts in _PARTITIONS.items() if self.region.startswith(prefix)), _COMMERCIAL
        )

    def _console(self, path: str) -> str:
        return f"https://{self.region}.{self._partition()[0]}/{path}?region={self.region}"

    def queue(self, name: str) -> str:
        """Return the link to a queue."""
        address = f"https://sqs.{self.region}.{self._partition()[1]}/{self.account_id}/{name}"
        return f"{self._console('sqs/v3/home')}#/queues/{quote(address, safe='')}"

    def function(self, name: str) -> str:
        """Return the link to a Lambda function."""
        return f"{self._console('lambda/home')}#/functions/{quote(name, safe='')}"

    def event(self, event_id: str) -> str:
        """Return the link to an event of CloudTrail."""
        return f"{self._console('cloudtrailv2/home')}#/events/{quote(event_id, safe='')}"

    def metrics(self, metrics: Sequence[Sequence[str]], window: Window, stat: str, period_s: int = 60) -> str:
        """Return the link to a graph of metrics: of each its namespace, name, dimensions and values."""
        graph = {
            "view": "timeSeries",
            "stacked": False,
            "metrics": [list(metric) for metric in metrics],
            "region": self.region,
            "start": _iso(window.start),
            "end": _iso(window.end),
            "stat": stat,
            "period": period_s,
        }
        encoded = quote(json.dumps(graph, separators=(",", ":")), safe=_KEPT)
        return f"{self._console('cloudwatch/deeplink.js')}#metricsV2:graph={encoded}"

    def logs_insights(self, query: str, log_groups: Sequence[str], window: Window) -> str:
        """Return the link to Logs Insights with a query, its log groups and its window filled in."""
        detail = {
            "end": _iso(window.end),
            "start": _iso(window.start),
            "timeType": "ABSOLUTE",
            "tz": "UTC",
            "editorString": query,
            "source": list(log_groups),
        }
        once = f"?queryDetail={quote(_jsurl(detail), safe='*-_.')}"
        twice = quote(once, safe="*-_.").replace("%", "$")
        return f"{self._console('cloudwatch/home')}#logsV2:logs-insights{twice}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _jsurl(value: Any) -> str:
    """Return a value in the console's variant of JSURL."""
    if isinstance(value, Mapping):
        return f"~({'~'.join(f'{name}{_jsurl(item)}' for name, item in value.items())})"
    if isinstance(value, list):
        return f"~({''.join(map(_jsurl, value))})"
    return "~'" + quote(str(value), safe="-_.").replace("%", "*").replace("~", "*7E")
