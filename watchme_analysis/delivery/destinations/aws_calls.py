"""Calls to AWS that deliver something, with errors that say whether it may have arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchme_analysis.delivery.destinations.base import DeliveryError
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.render import as_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws


def delivered(aws: Aws, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """Return the response of a call; one that AWS refuses, or can't be reached for, is a DeliveryError.

    A call whose response was lost may have arrived; only the next run repeats it.
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
        is_broken = isinstance(cause, BotoCoreError | ResponseParserError) and not isinstance(cause, unsent)
        is_lost = error.retryable and is_broken
        raise DeliveryError(
            as_message(error), may_have_arrived=is_lost, is_temporary=error.retryable and not is_lost
        ) from error
