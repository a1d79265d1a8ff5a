"""Calls to AWS through a scripted client of boto3: pace, retries, and the error of each code."""

import logging
import re
import time

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoRegionError, ParamValidationError
from botocore.parsers import ResponseParserError
from worlds.aws_front import FAST
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.cloudwatch.session import (
    ACTIONS,
    Aws,
    BusyError,
    CancelledError,
    NotFoundError,
    SessionTarget,
    ThrottledError,
    iam_policy,
)
from watchme_analysis.errors import RetryableServiceError, ServiceError


class Client:
    """Stands for boto3's client: each call takes the next response, or raises the next error."""

    method_to_api_mapping = {"get_queue_url": "GetQueueUrl", "lookup_events": "LookupEvents"}  # noqa: RUF012
    region_name = "eu-west-1"
    meta = property(lambda self: self)

    def __init__(self, *responses):
        self.responses, self.requests = list(responses), []

    def get_queue_url(self, **parameters):
        self.requests.append(parameters)
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    lookup_events = get_queue_url


def refused(code, text="of some reason", status=400):
    return ClientError(
        {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "GetQueueUrl",
    )


def aws_of(*responses, limits=FAST, target=SessionTarget(region="eu-west-1")):  # noqa: B008 - is frozen
    client = Client(*responses)
    aws = Aws(target, limits)
    aws._clients = dict.fromkeys(("sqs", "sts", "cloudtrail"), client)
    return aws, client


@together(
    ("code", "status", "kind", "message"),
    [
        ("LimitExceededException", 400, BusyError, "error-aws-busy"),
        ("ThrottlingException", 400, ThrottledError, "error-aws-every-attempt"),
        ("TooManyRequestsException", 429, ThrottledError, "error-aws-every-attempt"),
        ("Strange", 500, RetryableServiceError, "error-aws-every-attempt"),
        ("Strange", 499, ServiceError, "error-aws-request"),
        ("ServiceUnavailable", 400, RetryableServiceError, "error-aws-every-attempt"),
        ("ExpiredToken", 403, ServiceError, "error-aws-credentials"),
        ("SignatureDoesNotMatch", 403, ServiceError, "error-aws-clock"),
        ("AccessDeniedException", 403, ServiceError, "error-aws-denied"),
        ("ResourceNotFoundException", 404, NotFoundError, "error-aws-not-found"),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, NotFoundError, "error-aws-not-found"),
        ("QueueDoesNotExist", 400, NotFoundError, "error-aws-not-found"),
        ("ValidationError", 400, ServiceError, "error-aws-request"),
    ],
)
def test_the_error_of_each_code(code, status, kind, message):
    aws, _ = aws_of(*[refused(code, status=status)] * 8)
    with pytest.raises(ServiceError) as raised:
        aws.call("sqs", "get_queue_url", QueueName="q")
    assert type(raised.value) is kind
    assert messages_in(raised.value.args[0]) == {
        message: {"problem": "error-aws-refused"},
        "error-aws-refused": {
            "call": "sqs:GetQueueUrl (q)",
            "target": "eu-west-1",
            "code": code,
            "text": "of some reason",
        },
    }
    # Errors that may pass are retried, a full account is not: other queries may be polled meanwhile.
    assert aws.calls == (8 if kind in {ThrottledError, RetryableServiceError} else 1)


@together(
    ("error", "kind", "message"),
    [
        (EndpointConnectionError(endpoint_url="u"), RetryableServiceError, "error-aws-no-response"),
        (ResponseParserError("not  XML."), RetryableServiceError, "error-aws-no-response"),
        (NoRegionError(), ServiceError, "error-no-region"),
        (ParamValidationError(report="wrong"), ServiceError, "error-aws-no-call"),
    ],
)
def test_a_call_without_a_response(error, kind, message):
    aws, _ = aws_of(*[error] * 8)
    with pytest.raises(ServiceError) as raised:
        aws.call("sqs", "get_queue_url")
    assert type(raised.value) is kind
    found = messages_in(raised.value.args[0])
    assert list(found) == [message]
    if message != "error-no-region":
        problem = " ".join(str(error).split()).rstrip(".")
        assert found[message] == {"call": "sqs:GetQueueUrl", "target": "eu-west-1", "problem": problem}
    assert aws.calls == (8 if kind is RetryableServiceError else 1)


def test_throttled_calls_get_slower_and_faster_again(caplog):
    caplog.set_level(logging.INFO, "watchme_analysis")
    answers = [refused("Throttling")] * 6 + [{}] * 2
    aws, _ = aws_of(*answers)
    assert aws.call("sqs", "get_queue_url") == {}
    assert aws._slowdown == {"sqs:GetQueueUrl": 0.9 * 16}, "at most sixteen times as slow"
    aws.call("sqs", "get_queue_url")
    assert aws._slowdown == {"sqs:GetQueueUrl": pytest.approx(0.81 * 16)}
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 6
    for text in texts:
        assert re.fullmatch(r"sqs:GetQueueUrl: failed with Throttling, next attempt in 0\.\d\d s", text)
    aws, _ = aws_of(refused("Throttling"), refused("Other"))
    caplog.clear()
    with pytest.raises(ServiceError):
        aws.call("sqs", "get_queue_url")
    assert caplog.records[-1].getMessage() == "sqs:GetQueueUrl: failed with Other, not retried"
    assert aws._slowdown == {"sqs:GetQueueUrl": 2.0}


def test_no_call_is_repeated_after_the_deadline():
    aws, _ = aws_of(*[refused("Throttling")] * 2)
    aws.retry_until = 0.0
    with pytest.raises(ThrottledError):
        aws.call("sqs", "get_queue_url")
    assert aws.calls == 1


def test_cancelled_work_ends_a_wait_and_the_next_call():
    aws, client = aws_of({})
    aws.sleep(0)
    begun = time.monotonic()
    aws.sleep(0.01)
    assert time.monotonic() - begun >= 0.01
    aws.cancelled.set()
    for seconds in (0, 5):
        with pytest.raises(CancelledError) as raised:
            aws.sleep(seconds)
        assert messages_in(raised.value.args[0]) == {"error-cancelled": {}}
    with pytest.raises(CancelledError):
        aws.call("sqs", "get_queue_url")
    assert client.requests == []


def test_the_policy_of_a_pull():
    read = {"Sid": "WatchmeRead", "Effect": "Allow", "Action": sorted(ACTIONS), "Resource": "*"}
    sample = {
        "Sid": "WatchmeSampleDeadLetters",
        "Effect": "Allow",
        "Action": ["sqs:ChangeMessageVisibility", "sqs:ReceiveMessage"],
        "Resource": "*",
    }
    assert iam_policy(sampling=False) == {"Version": "2012-10-17", "Statement": [read]}
    assert iam_policy() == {"Version": "2012-10-17", "Statement": [read, sample]}
