"""Calls to AWS that deliver something, with errors that say whether it may have arrived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.delivery.destinations.base import DeliveryError
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.render import as_message

# Returns the account in a region for calls that are not repeated, because a repetition would deliver twice.
AwsOf = Callable[[str | None], Aws]


def delivered(aws: Aws, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """Return the response of a call.

    Raises
    ------
    DeliveryError
        When AWS refuses the call or can't be reached.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ConnectTimeoutError,
        EndpointConnectionError,
        ProxyConnectionError,
        SSLError,
    )
    from botocore.parsers import ResponseParserError

    try:
        return aws.call(service, operation, **parameters)
    except ServiceError as error:
        cause = error.__cause__
        unsent = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, SSLError)
        broken = (BotoCoreError, ResponseParserError)
        is_broken = error.retryable and isinstance(cause, broken) and not isinstance(cause, unsent)
        raise DeliveryError(
            as_message(error), may_have_arrived=is_broken, is_temporary=error.retryable
        ) from error
