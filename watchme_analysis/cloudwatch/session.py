"""Calls to AWS: paced, retried with jitter, counted as IAM actions, with errors in one sentence.

The retries of botocore are disabled (decision 15), because this module retries: Ctrl-C ends a wait at once,
and a deadline ends the retries. A call that must not be sent twice goes through :func:`without_retries`.
"""

from __future__ import annotations

import logging
import math
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from watchme_analysis.aws_shapes.names import region_of
from watchme_analysis.cloudwatch.iam_policy import action_of
from watchme_analysis.cloudwatch.service_models import model_loader
from watchme_analysis.config import load_config
from watchme_analysis.errors import InputError, RetryableServiceError, ServiceError
from watchme_analysis.redact import described, shortened
from watchme_analysis.text.message import Resource, value_of
from watchme_analysis.text.render import error_message, note
from watchme_analysis.text.suggestions import did_you_mean, nearest

_LOG = logging.getLogger(__name__)
_THROTTLING_CODE = re.compile(r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ProvisionedThroughput")
# Error codes of a service that is temporarily unavailable, with any HTTP status.
_UNAVAILABLE_CODES = frozenset({"ServiceUnavailableException", "ServiceUnavailable", "InternalFailure"})
# Error code -> next step for the reader.
_NEXT_STEPS = tuple(
    (re.compile(pattern), step)
    for pattern, step in (
        (
            r"ExpiredToken|InvalidClientTokenId|UnrecognizedClient|AuthFailure|MissingAuthentication",
            "credentials",
        ),
        # The signature of a call contains its time, so a clock that is minutes off invalidates it.
        (r"Signature|RequestExpired|TooSkewed", "clock"),
        (
            r"AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized|InvalidAccess",
            "denied",
        ),
    )
)
# Calls with a lower quota (LookupEvents: two a second) get a gap that is wider by this factor.
_GAP_FACTORS = {"cloudtrail:LookupEvents": 5}
# Largest factor by which throttling widens the gap between calls; it shrinks again as calls succeed.
_MAX_SLOWDOWN = 16.0
# Share of the slowdown that is left after a successful call.
_RECOVERY = 0.9
# Characters of a service's error text that are quoted; a gateway may respond with a whole page.
_MAX_ERROR_TEXT = 300
# Parameters that name the resource of a call.
_RESOURCE_PARAMETERS = ("QueueName", "QueueUrl", "FunctionName", "EventSourceArn")


class ThrottledError(RetryableServiceError):
    """The service throttles the calls."""


class BusyError(RetryableServiceError):
    """The account runs as many Logs Insights queries as it may at once."""


class NotFoundError(ServiceError):
    """A queue, function or log group does not exist."""


class CancelledError(ServiceError):
    """The work was cancelled from outside."""


@dataclass(frozen=True)
class SessionTarget:
    """Account and region; None uses those of the environment and the configuration, as the AWS CLI does."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None  # another endpoint for all services, such as a local one

    def __str__(self) -> str:
        region = self.region or note("target-default-region")
        return (
            region
            if self.profile is None
            else note("target", region=value_of(region), profile=Resource(self.profile))
        )


# The counts of a queue may not be right until a minute after its last change:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
QUEUE_COUNTS_SETTLE_S = 60.0


@dataclass(frozen=True)
class RateLimits:
    """Limits on the number and the pace of calls; all durations in seconds.

    Each operation has a quota of its own, so ``gap_s`` is the least time between two calls of one operation.
    It doubles with each throttled call, since quotas differ by region and are shared with others, and shrinks
    again. Between the first poll of a query and polls each ``max_poll_s``, it is polled after a quarter of
    its age: one of seconds costs about one poll, one of minutes a few calls a minute. Backoff has full
    jitter: a random wait of at most ``backoff_s``, doubled with each attempt up to ``max_backoff_s``.
    """

    gap_s: float = 0.1
    concurrent_queries: int = 10  # of Logs Insights; an account has about 100 slots, shared with dashboards
    first_poll_s: float = 0.3
    max_poll_s: float = 15.0
    backoff_s: float = 0.3
    max_backoff_s: float = 10.0
    attempts: int = 8  # of one call before its error is raised
    long_poll_s: int = 1  # ``WaitTimeSeconds`` of ReceiveMessage for a queue that seems to be empty
    queue_poll_s: float = 5.0  # between two readings of the approximate counts of a queue
    # after the last change of a queue in which its counts may be wrong
    counts_settle_s: float = QUEUE_COUNTS_SETTLE_S
    read_timeout_s: float = 60.0  # for each part of a response


@dataclass(repr=False)
class Aws:
    """Calls to the services of one account in one region.

    Attributes
    ----------
    target
        Account and region.
    rate_limits
        Limits on the number and the pace of calls.
    actions
        IAM actions that were called so far.
    calls
        Calls sent so far, including repeated attempts.
    metrics_requested
        Metrics requested from GetMetricData so far, which is how it is billed.
    cancelled
        Set from outside to cancel the work: waits end, and the next call raises :class:`CancelledError`.
    retry_until
        Monotonic time in seconds after which no call is repeated.
    """

    target: SessionTarget = field(default_factory=SessionTarget)
    rate_limits: RateLimits = field(default_factory=RateLimits)
    actions: set[str] = field(default_factory=set)
    calls: int = 0
    metrics_requested: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    retry_until: float = math.inf
    _session: Any = field(default=None, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _next_call: dict[str, float] = field(default_factory=dict, repr=False)
    _slowdown: dict[str, float] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """Return profile and region in one line."""
        return described(self, f"to {self.target}")

    @property
    def region(self) -> str:
        """Name of the region; ServiceError if none is configured."""
        name = self.client("sts").meta.region_name
        if name in (None, "aws-global"):  # STS works without a region and then reports aws-global
            raise ServiceError(error_message("error-no-region"))
        return str(name)

    def check_region(self, resource: str) -> None:
        """Raise InputError if an ARN or the URL of a queue names another region."""
        stated = region_of(resource)
        if stated not in (None, self.region):
            raise InputError(
                error_message("error-other-region", resource=resource, stated=stated, region=self.region)
            )

    @property
    def target_name(self) -> str:
        """Region and profile in words; the region is looked up if none is set."""
        try:
            return str(SessionTarget(self.target.profile, self.region))
        except ServiceError:
            return str(self.target)

    @property
    def label(self) -> str:
        """Profile and region, such as ``prod/eu-west-1``; ``default`` if both are unknown."""
        try:
            region: str | None = self.region
        except ServiceError:
            region = self.target.region
        return "/".join(filter(None, [self.target.profile, region])) or "default"

    def account(self) -> str:
        """Return the id of the account; the call needs no permission, but valid credentials."""
        return str(self.call("sts", "get_caller_identity")["Account"])

    def client(self, service: str) -> Any:
        """Return boto3's client of a service; ServiceError without its profile or a region."""
        if service not in self._clients:
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError

            # Links to S3 are otherwise signed by version 2, which newer regions and KMS refuse.
            signed = {"signature_version": "s3v4"} if service == "s3" else {}
            wait_s = self.rate_limits.read_timeout_s
            config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=wait_s, **signed)
            try:
                if self._session is None:
                    self._session = _boto3_session(self.target)
                self._clients[service] = self._session.client(
                    service, config=config, endpoint_url=self.target.endpoint_url
                )
            except (BotoCoreError, ValueError) as error:
                raise ServiceError(
                    error_message("error-aws-unavailable", problem=_one_line(error))
                ) from error
        return self._clients[service]

    def clone(self, service: str) -> Aws:
        """Return another instance with the same credentials, for calls to a service from another thread."""
        other = Aws(self.target, self.rate_limits)
        # boto3's clients may be shared by threads, but not created by several at once.
        other._clients = {name: self.client(name) for name in (service, "sts")}
        other._session = self._session
        return other

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return the response of an operation (boto3's method name) without metadata.

        Raises
        ------
        BusyError
            If the account has no free query slot. Not retried here: other queries may be polled meanwhile.
        NotFoundError
            If the resource does not exist.
        RetryableServiceError
            If throttling, server errors or connection errors outlast all attempts.
        ServiceError
            If AWS refuses the call.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        client = self.client(service)
        action = action_of(service, client.meta.method_to_api_mapping[operation])
        attempts = self.rate_limits.attempts
        for attempt in range(attempts):
            self._wait_turn(action)
            self.actions.add(action)
            self.calls += 1
            _LOG.debug("%s: attempt %d of %d", action, attempt + 1, attempts)
            try:
                response: dict[str, Any] = getattr(client, operation)(**parameters)
            except ClientError as error:
                problem = self._service_problem(_with_resource(action, parameters), error)
                cause: Exception = error
            except (BotoCoreError, ResponseParserError) as error:
                problem = self._client_problem(action, error)
                cause = error
            else:
                response.pop("ResponseMetadata", None)
                _LOG.debug("%s: response received", action)
                self._slowdown[action] = max(1.0, _RECOVERY * self._slowdown.get(action, 1.0))
                return response
            if isinstance(problem, ThrottledError):
                self._slowdown[action] = min(_MAX_SLOWDOWN, 2 * self._slowdown.get(action, 1.0))
            wait_s = self.backoff(attempt)
            is_last = attempt + 1 == attempts or time.monotonic() + wait_s > self.retry_until
            # The message of a service may quote a query, so only its code is logged.
            # A connection error has the attribute response, which is None.
            details = getattr(cause, "response", None) or {}
            code = details.get("Error", {}).get("Code", type(cause).__name__)
            if not problem.retryable or isinstance(problem, BusyError) or is_last:
                _LOG.info("%s: failed with %s, not retried", action, code)
                raise problem from cause
            _LOG.info("%s: failed with %s, next attempt in %.2f s", action, code, wait_s)
            self.sleep(wait_s)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the responses of all pages of an operation.

        botocore's description of the operation names its tokens; each page is one :meth:`call`, with its
        pace, retries and errors.
        """
        from botocore.exceptions import PaginationError
        from botocore.paginate import Paginator

        meta = self.client(service).meta
        name = meta.method_to_api_mapping[operation]
        config = model_loader().load_service_model(service, "paginators-1")["pagination"][name]
        model = meta.service_model.operation_model(name)
        paginator = Paginator(partial(self.call, service, operation), config, model)
        try:
            yield from paginator.paginate(**parameters)
        except PaginationError as error:
            raise ServiceError(
                error_message(
                    "error-aws-call",
                    service=service,
                    call=name,
                    target=self.target_name,
                    problem=_one_line(error),
                )
            ) from error

    def items(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """Return the items under ``key`` of all pages of an operation."""
        pages = self.pages(service, operation, **parameters)
        return [item for page in pages for item in page.get(key, [])]

    def backoff(self, attempt: int) -> float:
        """Return the wait in seconds before the next attempt, with full jitter."""
        limits = self.rate_limits
        return random.uniform(0, min(limits.max_backoff_s, limits.backoff_s * 2**attempt))

    def sleep(self, seconds: float) -> None:
        """Sleep; raise :class:`CancelledError` as soon as the work is cancelled."""
        if self.cancelled.wait(seconds) if seconds > 0 else self.cancelled.is_set():
            raise CancelledError(error_message("error-cancelled"))

    def now(self) -> datetime:
        """Return the time; with :meth:`sleep`, the clock of a remedy that waits."""
        return datetime.now(UTC)

    def _wait_turn(self, action: str) -> None:
        turn = max(time.monotonic(), self._next_call.get(action, 0.0))
        factor = _GAP_FACTORS.get(action, 1) * self._slowdown.get(action, 1.0)
        self._next_call[action] = turn + self.rate_limits.gap_s * factor
        _LOG.debug("%s: may be called in %.2f s", action, max(0.0, turn - time.monotonic()))
        self.sleep(turn - time.monotonic())

    def _service_problem(self, action: str, error: Any) -> ServiceError:
        """Return the error of a call that the service refused."""
        detail = error.response.get("Error", {})
        code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
        text = shortened(" ".join(re.sub(r"<[^>]*>", " ", message).split()), _MAX_ERROR_TEXT)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        problem = error_message(
            "error-aws-refused" if text else "error-aws-refused-silently",
            call=action,
            target=self.target_name,
            code=code,
            text=text.rstrip(": ."),
        )
        if code == "LimitExceededException":
            return BusyError(error_message("error-aws-busy", problem=problem))
        if _THROTTLING_CODE.search(code):
            return ThrottledError(error_message("error-aws-every-attempt", problem=problem))
        if status >= 500 or code in _UNAVAILABLE_CODES:
            return RetryableServiceError(error_message("error-aws-every-attempt", problem=problem))
        for pattern, step in _NEXT_STEPS:
            if pattern.search(code):
                return ServiceError(error_message(f"error-aws-{step}", problem=problem))
        if "NotFound" in code or "NonExistentQueue" in code or "DoesNotExist" in code:
            return NotFoundError(error_message("error-aws-not-found", problem=problem))
        return ServiceError(error_message("error-aws-request", problem=problem))

    def _client_problem(self, action: str, error: Exception) -> ServiceError:
        """Return the error of a call that got no response, or could not be sent."""
        from botocore import exceptions
        from botocore.parsers import ResponseParserError

        no_response = (
            exceptions.HTTPClientError,
            exceptions.ConnectionError,  # also a failed TLS handshake, and a proxy that is down
            exceptions.ResponseStreamingError,
            ResponseParserError,
        )
        said = {"call": action, "target": self.target_name, "problem": _one_line(error)}
        if isinstance(error, exceptions.ConnectionError) and (region := self._unknown_region()):
            near = did_you_mean(nearest(region, sorted(_known_regions())))
            return ServiceError(error_message("error-unknown-region", region=region, near=near))
        if isinstance(error, no_response):
            return RetryableServiceError(error_message("error-aws-no-response", **said))
        if isinstance(error, exceptions.NoRegionError):
            return ServiceError(error_message("error-no-region"))
        return ServiceError(error_message("error-aws-no-call", **said))

    def _unknown_region(self) -> str:
        """Return the region if botocore knows none of its name; else an empty text."""
        region = str(self.client("sts").meta.region_name)
        return "" if region in {*_known_regions(), "aws-global"} else region


def without_retries(aws: Aws) -> Aws:
    """Return a session that makes each call once: a retry after a broken connection could act twice."""
    other = replace(aws, rate_limits=replace(aws.rate_limits, attempts=1))
    other.actions = aws.actions
    return other


def _with_resource(action: str, parameters: dict[str, Any]) -> str:
    """Return a call with the name of its resource, which an error of AWS often leaves out."""
    name = next((parameters[key] for key in _RESOURCE_PARAMETERS if key in parameters), None)
    return f"{action} ({name})" if name else action


@cache
def _known_regions() -> frozenset[str]:
    """Return the regions that botocore knows, of all partitions."""
    from botocore.session import get_session

    core = get_session()
    return frozenset(
        region
        for partition in core.get_available_partitions()
        for region in core.get_available_regions("ec2", partition)
    )


def _boto3_session(target: SessionTarget) -> Any:
    import boto3
    from botocore.session import get_session

    if target.profile is None:  # otherwise another account than the one that the file names would be used
        load_config().check_confirmed("profile")
    core = get_session()
    core.register_component("data_loader", model_loader())
    # The AWS CLI obeys AWS_REGION, boto3 does not.
    region = target.region or os.environ.get("AWS_REGION")
    return boto3.Session(botocore_session=core, profile_name=target.profile, region_name=region)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
