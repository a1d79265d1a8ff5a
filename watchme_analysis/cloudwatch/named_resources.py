"""Check that what the configuration of a system names exists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import System
from watchme_analysis.errors import ServiceError
from watchme_analysis.text.render import error_message, text_of_error


class Checked(NamedTuple):
    """A name in the configuration, and the problem with it; None when it exists."""

    key: str
    name: str
    problem: str | None


def check_system(aws: Aws, system: System) -> Iterator[Checked]:
    """Yield each name that the configuration of a system states, with the problem that it has, if any."""
    checks: dict[str, Callable[[str], object]] = {
        "queue": lambda name: aws.call("sqs", "get_queue_url", QueueName=name),
        "dlq": lambda name: aws.call("sqs", "get_queue_url", QueueName=name),
        "function": lambda name: aws.call("lambda", "get_function_configuration", FunctionName=name),
        "log_groups": lambda name: _log_groups(aws, name),
        "alarms": _file,
    }
    stated = system.stated()
    for key, exists in checks.items():
        value = stated.get(key, ())
        for name in (value,) if isinstance(value, str) else value:
            try:
                exists(name)
            except ServiceError as error:
                yield Checked(f"systems.{system.name}.{key}", name, text_of_error(error))
            else:
                yield Checked(f"systems.{system.name}.{key}", name, None)


def _log_groups(aws: Aws, pattern: str) -> None:
    from fnmatch import fnmatchcase

    prefix = pattern.split("*", maxsplit=1)[0]
    groups = aws.items("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    if not any(fnmatchcase(group["logGroupName"], pattern) for group in groups):
        raise ServiceError(error_message("error-check-log-group", region=aws.region))


def _file(path: str) -> None:
    if not os.path.isfile(path):  # noqa: PTH113  never raises
        raise ServiceError(error_message("error-check-file"))
