"""An account whose responses a test writes down, in memory: what is called, in which order, with what."""

import math
import time
from collections import deque
from datetime import UTC, datetime

from watchme_analysis.cloudwatch.session import SessionTarget
from worlds.aws_front import FAST


class ScriptedAws:
    """Stands for `session.Aws`.

    Parameters
    ----------
    scripts
        For each query of Logs Insights that starts: an error, or the pages of its polls (or errors).
    limits
        Limits on the number and the pace of calls.
    answers
        Response of each other operation, by its name in boto3: a function of its parameters, or a list of
        which each call takes the first. An error is raised.
    """

    def __init__(self, *scripts, limits=FAST, **answers):
        self.scripts, self.rate_limits, self.answers = deque(scripts), limits, answers
        self.actions, self.target = set(), SessionTarget(region="eu-west-1")
        self.started, self.stopped = [], []  # parameters, and ids of stopped queries
        self.calls = []  # pairs of other operations and their parameters
        self.pages_of = {}
        self.retry_until, self.metrics_requested = math.inf, 0
        self.label = self.target_name = self.region = "eu-west-1"

    meta = events = property(lambda self: self)

    def now(self):
        return datetime.now(UTC)

    def client(self, _):
        return self

    def register(self, *_, **__):
        pass

    def sleep(self, seconds):
        time.sleep(max(0.0, seconds))

    def account(self):
        return self.call("sts", "get_caller_identity")["Account"]

    def call(self, service, operation, **given):
        if operation == "start_query":
            self.started.append(given)
            script = _raised(self.scripts.popleft())
            name = f"query-{len(self.started)}"
            self.pages_of[name] = deque(script)
            return {"queryId": name}
        if operation == "get_query_results":
            return dict(_raised(self.pages_of[given["queryId"]].popleft()))
        self.calls.append((f"{service}:{operation}", given))
        answer = self.answers[operation]
        return _raised(answer(**given) if callable(answer) else answer.pop(0))

    def pages(self, service, operation, **given):
        """Yield the pages of an operation: its response is a list of them."""
        yield from self.call(service, operation, **given)

    def items(self, service, operation, key, **given):
        """Return the items of an operation, whose response is one page."""
        return list(self.call(service, operation, **given)[key])

    def stop_query(self, queryId):  # noqa: N803 - as boto3 names it
        self.stopped.append(queryId)


def _raised(answer):
    if isinstance(answer, BaseException):
        raise answer
    return answer
