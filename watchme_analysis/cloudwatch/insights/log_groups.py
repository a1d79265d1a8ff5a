"""Log groups of an account by name or pattern, through the cache."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from watchme_analysis.cloudwatch.response_cache import ResponseCache
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Resource
from watchme_analysis.text.render import error_message, note

# Characters of a pattern that no name of a log group contains.
_WILDCARDS = ("*", "?", "[")


def matching_log_groups(aws: Aws, cache: ResponseCache, patterns: Sequence[str]) -> list[str]:
    """Return the log groups of names and patterns, each once, in the order of the patterns.

    Names and ARNs are returned as they are; patterns are such as ``/aws/lambda/*``, and one without any match
    is an InputError. The lists of groups are cached, for use offline.
    """
    found: dict[str, None] = {}
    for given in patterns:
        # DescribeLogGroups ends an ARN with `:*`, which StartQuery does not take.
        pattern = given.removesuffix(":*") if given.startswith("arn:") else given
        if not any(mark in pattern for mark in _WILDCARDS):
            found[pattern] = None
            continue
        prefix = pattern[: min(at for mark in _WILDCARDS if (at := pattern.find(mark)) >= 0)]
        options = {"logGroupNamePrefix": prefix} if prefix else {}
        known = cache.get(
            note("cache-log-groups", prefix=Resource(prefix)),
            [],
            lambda options=options: aws.items("logs", "describe_log_groups", "logGroups", **options),  # type: ignore[misc]
        )
        names = [str(group["logGroupName"]) for group in known]
        matches = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if not matches:
            raise InputError(error_message("error-no-log-group", pattern=pattern, target=aws.label))
        found.update(dict.fromkeys(matches))
    return list(found)
