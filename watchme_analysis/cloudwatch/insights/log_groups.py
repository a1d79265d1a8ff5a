"""Log groups of an account by name or pattern, through the cache."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import NamedTuple

from watchme_analysis.aws_shapes.insights_query_text import query_facts
from watchme_analysis.cloudwatch.response_cache import ResponseCache
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.errors import InputError
from watchme_analysis.text.message import Choice, Names, Resource
from watchme_analysis.text.render import error_message, note

# Characters of a pattern that no name of a log group contains.
_WILDCARDS = ("*", "?", "[")
_DELIVERY, _INFREQUENT_ACCESS = "DELIVERY", "INFREQUENT_ACCESS"
# Commands that the class Infrequent Access does not support:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData_Classes.html
_STANDARD_COMMANDS = frozenset({"pattern", "diff", "filterindex", "unmask"})


class LogGroups(NamedTuple):
    """Names or ARNs of log groups, and sentences about groups that were left out."""

    names: list[str]
    notes: Sequence[str]


def queryable_log_groups(aws: Aws, cache: ResponseCache, patterns: Sequence[str], query: str) -> LogGroups:
    """Return the log groups of :func:`matching_log_groups` that a query can search, as far as it is known.

    The class of a log group is known where a pattern matches it. InputError if no group can be searched.
    """
    classes = matching_log_groups(aws, cache, patterns)
    used = sorted(_STANDARD_COMMANDS.intersection(query_facts(query).names))
    refused = {_DELIVERY, *([_INFREQUENT_ACCESS] if used else [])}
    names = [name for name, log_class in classes.items() if log_class not in refused]
    left_out = {
        log_class: tuple(name for name, its_class in classes.items() if its_class == log_class)
        for log_class in sorted(refused)
    }
    notes = [
        note("insights-class", groups=Names(groups), kind=Choice(log_class), commands=Names(tuple(used)))
        for log_class, groups in left_out.items()
        if groups
    ]
    if notes and not names:
        raise InputError(notes[0])
    return LogGroups(names, notes)


def matching_log_groups(aws: Aws, cache: ResponseCache, patterns: Sequence[str]) -> dict[str, str]:
    """Return the class of the log groups of names and patterns, in the order of the patterns.

    Names and ARNs are returned as they are, with an empty class; patterns are such as ``/aws/lambda/*``, and
    one without any match is an InputError. The lists of groups are cached, for use offline.
    """
    found: dict[str, str] = {}
    for given in patterns:
        # DescribeLogGroups ends an ARN with `:*`, which StartQuery does not take.
        pattern = given.removesuffix(":*") if given.startswith("arn:") else given
        if not any(mark in pattern for mark in _WILDCARDS):
            found[pattern] = ""
            continue
        prefix = pattern[: min(at for mark in _WILDCARDS if (at := pattern.find(mark)) >= 0)]
        options = {"logGroupNamePrefix": prefix} if prefix else {}
        known = cache.get(
            note("cache-log-groups", prefix=Resource(prefix)),
            [],
            lambda options=options: aws.items("logs", "describe_log_groups", "logGroups", **options),  # type: ignore[misc]
        )
        classes = {str(group["logGroupName"]): str(group.get("logGroupClass", "")) for group in known}
        matches = {name: classes[name] for name in classes if fnmatch.fnmatchcase(name, pattern)}
        if not matches:
            raise InputError(error_message("error-no-log-group", pattern=pattern, target=aws.label))
        found.update(matches)
    return found
