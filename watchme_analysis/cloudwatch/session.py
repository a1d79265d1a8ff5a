"""Calls to AWS: paced, retried with jitter, counted as IAM actions, their errors in one sentence.

botocore's own retries are off, so that every call that goes out is one that was decided here.

The permissions that asking AWS needs.
"""

from __future__ import annotations

import logging
import math
import os
import random
import re
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from watchme_analysis.errors import RetryableServiceError, ServiceError
from watchme_analysis.redact import shortened

_LOG = logging.getLogger(__name__)
_THROTTLED = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ProvisionedThroughput")
_FOR_A_WHILE = frozenset({"ServiceUnavailableException", "ServiceUnavailable", "InternalFailure"})
_NEXT_STEPS = tuple(
    (re.compile(pattern), next_step)
    for pattern, next_step in (
        (
            r"ExpiredToken|InvalidClientTokenId|UnrecognizedClient|AuthFailure|MissingAuthentication",
            "log in again, or give another --profile",
        ),
        # A clock that is minutes off spoils the signature of every call.
        (r"Signature|RequestExpired|TooSkewed", "check this machine's clock, or log in again"),
        (
            r"AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized|InvalidAccess",
            "`watchme pull --print-policy` prints the permissions needed",
        ),
    )
)
# Calls with a quota of two a second, for which the gap is wider so many times.
_SLOW = {"cloudtrail:LookupEvents": 5}
# A call that was throttled keeps at most so many gaps, and comes back to one as it goes well.
_SLOWEST = 16.0
# Parameters that name what a call is about.
_NAMES = ("QueueName", "QueueUrl", "FunctionName", "EventSourceArn")
_NO_REGION = "No region is configured: give --region, or set AWS_REGION."
# IAM actions that are not named like the call.
_ACTIONS = {"sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility"}


class ThrottledError(RetryableServiceError):
    """More calls a second than the service takes."""


class BusyError(RetryableServiceError):
    """The account runs as many queries as it may at once."""


class NotFoundError(ServiceError):
    """A queue, function or log group that doesn't exist."""


class CancelledError(ServiceError):
    """The work was given up from outside."""


@dataclass(frozen=True)
class SessionTarget:
    """Where to ask.

    Attributes
    ----------
    profile, region
        As the AWS CLI takes them; the environment's and the configuration's unless given.
    endpoint_url
        Another endpoint for every service, such as a local one.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, [self.region or "the default region", self.profile]))


@dataclass(frozen=True)
class RateLimits:
    """How fast to ask; all lengths in seconds.

    Attributes
    ----------
    gap_s
        Least time between two calls of one operation, as each has a quota of its own. It doubles with
        each throttled call, since quotas differ by region and are shared with others, and shrinks again.
    concurrent_queries
        Queries in flight at once. An account has about 100, shared with dashboards.
    first_poll_s, longest_poll_s
        Wait before the first poll of a query and the longest one; in between a quarter of its age, which
        costs a query of seconds about one poll and one of minutes a few calls a minute.
    backoff_s, longest_backoff_s, attempts
        Full jitter doubles up from the first to the longest wait; tries before giving up.
    long_poll_s
        Wait for a message where a queue seems to be empty.
    """

    gap_s: float = 0.1
    concurrent_queries: int = 10
    first_poll_s: float = 0.3
    longest_poll_s: float = 15.0
    backoff_s: float = 0.3
    longest_backoff_s: float = 10.0
    attempts: int = 8
    long_poll_s: int = 1


@dataclass
class Aws:
    """Calls to the services of one account in one region.

    Attributes
    ----------
    place, pace
        Where and how fast to ask.
    actions
        IAM actions that were called so far.
    calls
        Calls that went out so far, tries included.
    cancelled
        Set from outside to give up.
    until
        Moment of the monotonic clock after which nothing is tried once more.
    learned
        What the answers told of how a service behaves.
    """

    place: SessionTarget = field(default_factory=SessionTarget)
    pace: RateLimits = field(default_factory=RateLimits)
    actions: set[str] = field(default_factory=set)
    calls: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    until: float = math.inf
    learned: dict[str, Any] = field(default_factory=dict)
    _session: Any = field(default=None, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _next_call: dict[str, float] = field(default_factory=dict, repr=False)
    _slower: dict[str, float] = field(default_factory=dict, repr=False)

    @property
    def region(self) -> str:
        """Region that is asked; a :class:`ServiceError` says that none is configured."""
        name = self.client("sts").meta.region_name
        if name in (None, "aws-global"):  # the latter is what STS alone makes of none
            raise ServiceError(_NO_REGION)
        return str(name)

    @property
    def where(self) -> str:
        """Region and profile in words, the region looked up where none was given."""
        try:
            return str(SessionTarget(self.place.profile, self.region))
        except ServiceError:
            return str(self.place)

    def account(self) -> str:
        """Return the id of the account that is asked, which needs no permission.

        Raises
        ------
        ServiceError
            When nobody is logged in.
        """
        return str(self.call("sts", "get_caller_identity")["Account"])

    def client(self, service: str) -> Any:
        """Return boto3's client of a service.

        Raises
        ------
        ServiceError
            When profile or region can't be told.
        """
        if service not in self._clients:
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError

            config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=60)
            try:
                if self._session is None:
                    self._session = _session(self.place)
                self._clients[service] = self._session.client(
                    service, config=config, endpoint_url=self.place.endpoint_url
                )
            except (BotoCoreError, ValueError) as error:
                raise ServiceError(
                    f"AWS can't be asked ({_plain(error)}): give --profile and --region, or configure them."
                ) from error
        return self._clients[service]

    def beside(self, service: str) -> Aws:
        """Return another that asks a service with the same credentials, for a thread of its own."""
        other = Aws(self.place, self.pace)
        # Clients may be used by several threads, but not made by them.
        other._clients = {name: self.client(name) for name in (service, "sts")}
        other._session = self._session
        return other

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation (boto3's method name) and return its answer without metadata.

        Raises
        ------
        BusyError
            When the account's queries are used up; not retried here, for others may be polled meanwhile.
        NotFoundError
            When what is asked about doesn't exist.
        RetryableServiceError
            When throttling, server errors or resets outlast all tries.
        ServiceError
            When AWS refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client(service)
        action = f"{service}:{client.meta.method_to_api_mapping[operation]}"
        action = _ACTIONS.get(action, action)
        for attempt in range(self.pace.attempts):
            self._wait_turn(action)
            self.actions.add(action)
            self.calls += 1
            _LOG.debug("%s: attempt %d of %d", action, attempt + 1, self.pace.attempts)
            try:
                answer: dict[str, Any] = getattr(client, operation)(**parameters)
            except ClientError as error:
                problem = self._refusal(_named(action, parameters), error)
                cause: Exception = error
            except BotoCoreError as error:
                problem = self._breakage(action, error)
                cause = error
            else:
                answer.pop("ResponseMetadata", None)
                _LOG.debug("%s: answered", action)
                self._slower[action] = max(1.0, 0.9 * self._slower.get(action, 1.0))
                return answer
            if isinstance(problem, ThrottledError):
                self._slower[action] = min(_SLOWEST, 2 * self._slower.get(action, 1.0))
            wait = self.backoff(attempt)
            last = attempt + 1 == self.pace.attempts or time.monotonic() + wait > self.until
            # The message of a service may quote a query, so only its code is logged.
            code = (getattr(cause, "response", None) or {}).get("Error", {}).get("Code", type(cause).__name__)
            if not problem.retryable or isinstance(problem, BusyError) or last:
                _LOG.info("%s: failed with %s, not retried", action, code)
                raise problem from cause
            _LOG.info("%s: failed with %s, next attempt in %.2f s", action, code, wait)
            self.sleep(wait)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """Return the items of all pages of an operation, which are listed under a key."""
        names = {
            "cloudtrail": "NextToken",
            "cloudwatch": "NextToken",
            "lambda": "Marker",
            "logs": "nextToken",
        }
        name = names[service]
        found: list[Any] = []
        while True:
            answer = self.call(service, operation, **parameters)
            found.extend(answer.get(key, []))
            token = answer.get("NextMarker" if service == "lambda" else name)
            if not token or token == parameters.get(name):
                return found
            parameters[name] = token

    def backoff(self, attempt: int) -> float:
        """Return a wait in seconds before the next try, with full jitter."""
        ceiling = min(self.pace.longest_backoff_s, self.pace.backoff_s * 2**attempt)
        return random.uniform(0, ceiling)

    def sleep(self, seconds: float) -> None:
        """Wait, or raise CancelledError as soon as the work is given up."""
        if self.cancelled.wait(seconds) if seconds > 0 else self.cancelled.is_set():
            raise CancelledError("The work was given up.")

    def _wait_turn(self, action: str) -> None:
        turn = max(time.monotonic(), self._next_call.get(action, 0.0))
        slower = _SLOW.get(action, 1) * self._slower.get(action, 1.0)
        self._next_call[action] = turn + self.pace.gap_s * slower
        _LOG.debug("%s: may be called in %.2f s", action, max(0.0, turn - time.monotonic()))
        self.sleep(turn - time.monotonic())

    def _refusal(self, action: str, error: Any) -> ServiceError:
        detail = error.response.get("Error", {})
        code, said = str(detail.get("Code", "")), str(detail.get("Message", ""))
        text = shortened(
            " ".join(re.sub(r"<[^>]*>", " ", said).split()), 300
        )  # a gateway answers with a page
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"{action} in {self.where} said {code}: {text}".rstrip(": .")
        if code == "LimitExceededException":
            return BusyError(f"{said}: as many queries run as the account may; try again, or stop some.")
        if _THROTTLED.search(code) or status >= 500 or code in _FOR_A_WHILE:
            kind = ThrottledError if _THROTTLED.search(code) else RetryableServiceError
            return kind(f"{said}, time after time: try again later.")
        for pattern, next_step in _NEXT_STEPS:
            if pattern.search(code):
                return ServiceError(f"{said}: {next_step}.")
        if "NotFound" in code or "NonExistentQueue" in code or "DoesNotExist" in code:
            return NotFoundError(f"{said}: check name, region and profile.")
        return ServiceError(f"{said}: check what was asked (names, parameters, window).")

    def _breakage(self, action: str, error: Exception) -> ServiceError:
        from botocore.exceptions import (
            ConnectionClosedError,
            EndpointConnectionError,
            HTTPClientError,
            NoRegionError,
            ResponseStreamingError,
        )
        from botocore.parsers import ResponseParserError

        gone = (HTTPClientError, ConnectionClosedError, EndpointConnectionError, ResponseStreamingError)
        if isinstance(error, (*gone, ResponseParserError)):
            return RetryableServiceError(
                f"{action} in {self.where} didn't answer ({_plain(error)}): check the network, try again."
            )
        if isinstance(error, NoRegionError):
            return ServiceError(_NO_REGION)
        return ServiceError(
            f"{action} in {self.where} can't be called ({_plain(error)}): log in, or give another --profile."
        )


def _named(action: str, parameters: dict[str, Any]) -> str:
    """Return a call with the name of what it is about, which an error of AWS often leaves out."""
    name = next((parameters[key] for key in _NAMES if key in parameters), None)
    return f"{action} ({name})" if name else action


@cache
def _models() -> Any:
    """Return the reader of AWS's service models, which keeps the large ones that it has read."""
    from botocore.loaders import create_loader

    return create_loader()


def _session(place: SessionTarget) -> Any:
    import boto3
    from botocore.session import get_session

    core = get_session()
    core.register_component("data_loader", _models())
    # The AWS CLI obeys this variable, boto3 does not.
    region = place.region or os.environ.get("AWS_REGION")
    return boto3.Session(botocore_session=core, profile_name=place.profile, region_name=region)


def _plain(error: Exception) -> str:
    """Return an error's text in one line."""
    return " ".join(str(error).split()).rstrip(".")


# What `watchme pull` and `watchme query` call; a test holds it equal to what they called.
ACTIONS = (
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "lambda:GetFunctionConcurrency",
    "lambda:GetFunctionConfiguration",
    "lambda:ListEventSourceMappings",
    "logs:DescribeLogGroups",  # for `watchme query`, and for sizes that no metric tells
    "logs:GetQueryResults",
    "logs:StartQuery",
    "logs:StopQuery",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sts:GetCallerIdentity",  # always allowed; listed so that nothing that is called is left out
)
SAMPLING_ACTIONS = ("sqs:ChangeMessageVisibility", "sqs:ReceiveMessage")


def policy(sampling: bool = True) -> dict[str, Any]:
    """Return the least IAM policy that a pull needs, as a JSON-ready dictionary."""
    statements = [
        {"Sid": "WatchmeRead", "Effect": "Allow", "Action": sorted(ACTIONS), "Resource": "*"},
    ]
    if sampling:
        statements.append(
            {
                "Sid": "WatchmeSampleDeadLetters",
                "Effect": "Allow",
                "Action": sorted(SAMPLING_ACTIONS),
                "Resource": "*",
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}
