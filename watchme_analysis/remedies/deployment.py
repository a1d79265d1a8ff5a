"""The plan of a deployment: keep a way back, replace the code, test it, switch, watch, or roll back.

Lambda accepts any zip, and Invoke returns 200 even if the handler raised [1]_. The plan therefore tests the
function itself, and watches the first real invocations.

.. [1] https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseElements
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.limits import MIB
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.remedies.apply import plain
from watchme_analysis.remedies.package_check import Function, PackageCheck, check_package
from watchme_analysis.remedies.plan import CONTENT, REFERENCE, Call, Condition, Plan, Step, change
from watchme_analysis.storage.atomic_write import write_atomically
from watchme_analysis.text.message import (
    Bytes,
    Code,
    Duration,
    Message,
    Names,
    Resource,
    Share,
    message,
)
from watchme_analysis.text.render import error_message, render

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.cloudwatch.session import Aws

REMEDY = "deploy"
# An update of the code or an alias takes seconds, with VPC or large packages up to minutes.
_UPDATE_S = 300.0
# Limit of an upload to the API; larger packages go through S3.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_UPLOAD_BYTES = 50 * MIB
# Lines that a failed invocation leaves in the text format: of the runtime, or an error that the handler logs.
# https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
_TEXT_FAILURES = (
    '?"[ERROR]" ?"[CRITICAL]" ?"Task timed out" ?"Runtime exited" ?"Runtime.ImportModuleError" '
    '?"Status: timeout" ?"Status: error" ?"Status: failure"'
)
# The same in lines of JSON, which functions write in either format.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
_JSON_FAILURES = (
    '{ $.level = "ERROR" || $.level = "CRITICAL" || $.level = "FATAL" || $.level = "error" || '
    '($.type = "platform.report" && $.record.status != "success") }'
)
# One line of each invocation, by the format of the function's log.
_REPORTS = {"Text": '"REPORT RequestId"', "JSON": '{ $.type = "platform.report" }'}
# Texts in the end of a log that show an error; the value of a level may follow a space.
_LOGGED_ERRORS = ("[ERROR]", "[CRITICAL]", '"level":"ERROR"', '"level": "ERROR"', "Task timed out")
_FIRST_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip; a fixed one makes its hash reproducible
_DOWNLOAD_S = 60
_WEIGHTS = "RoutingConfig.AdditionalVersionWeights || `null`"


@dataclass(frozen=True)
class DeploymentOptions:
    """How a function is deployed; ``layers`` are zips or folders for the check."""

    alias: str | None = None  # that the event source or the callers use; None if they use $LATEST
    events: Sequence[tuple[str, Any]] = ()  # to invoke the new code with, and their names
    layers: Sequence[Path] = ()
    watch_s: float = 600.0  # longest wait for real invocations; 0 for none
    watch_invocations: int = 3  # that must be seen without an error
    late_s: float = 10.0  # no error may appear so long after them: lines reach the log late


def _settings(configuration: dict[str, Any]) -> Function:
    """Return the settings that the check needs, from the response of GetFunctionConfiguration."""
    architectures = configuration.get("Architectures") or ["x86_64"]
    return Function(configuration.get("Handler", ""), configuration.get("Runtime", ""), architectures[0])


def plan_deployment(
    package: Path,
    name: str,
    aws: Aws,
    plan_path: Path,
    options: DeploymentOptions,
    *,
    skip_check: bool = False,
) -> Plan | PackageCheck:
    """Return the plan of a deployment, or the problems of its package, a zip or folder of the new code.

    ``PLAN.package.zip`` and ``PLAN.rollback.zip``, the code to go back to, are written beside ``plan_path``;
    of AWS only reads are called. With ``skip_check``, problems become risks of the plan. A package that is
    unreadable or too large for an upload, and a function that runs an image, are InputErrors.
    """
    configuration = plain(aws.call("lambda", "get_function_configuration", FunctionName=name))
    if configuration.get("PackageType", "Zip") != "Zip":
        raise InputError(error_message("error-function-image", function=name))
    found = check_package(package, options.layers, _settings(configuration))
    if found.problems and not skip_check:
        return found
    new = _zip_of(package)
    if len(new) > _UPLOAD_BYTES:
        raise InputError(error_message("error-package-size", package=package, bytes=f"{len(new):,}"))
    old_hash = configuration["CodeSha256"]
    new_file = _save_package(plan_path, "package", new)
    old_file = _save_package(plan_path, "rollback", _current_code(name, old_hash, aws))
    old_code, new_code = (old_hash, old_file), (_code_hash(new), new_file)
    configured = Call("lambda", "get_function_configuration", {"FunctionName": name})

    def has(code: tuple[str, Any]) -> Condition:
        return Condition(configured, "[LastUpdateStatus, CodeSha256]", ["Successful", code[0]], _UPDATE_S)

    def update(code: tuple[str, Any]) -> Call:
        return Call("lambda", "update_function_code", {"FunctionName": name, "ZipFile": code[1]})

    relies_on = [replace(has(old_code), within_s=0.0)]
    why = message("deploy-why-update", function=Resource(name), size=Bytes(len(new)))
    steps = [
        _publication("keep", name, message("deploy-why-keep", function=Resource(name)), old_hash),
        change("update", name, why, (old_code, new_code), has, update),
    ]
    qualifier: Any = "$LATEST"
    weights: dict[str, float] | None = None
    if options.alias is not None:
        found_alias = aws.call("lambda", "get_alias", FunctionName=name, Name=options.alias)
        old_version = str(found_alias["FunctionVersion"])
        weights = (found_alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or None
        routing = f"[FunctionVersion, {_WEIGHTS}]"
        relies_on.append(Condition(_alias_version(name, options.alias), routing, [old_version, weights]))
        qualifier = {REFERENCE: "publish.version"}
        why = message("deploy-why-publish", alias=Resource(options.alias))
        steps.append(_publication("publish", name, why, new_code[0]))
    steps += [_invocation(number, event, name, qualifier) for number, event in enumerate(options.events, 1)]
    if options.alias is not None:
        steps.append(_switch(name, options.alias, qualifier, old_version))
    if options.watch_s:
        changed = "switch" if options.alias is not None else "update"
        steps += _watch(name, (changed, steps[-1].name), options, configuration)
    return Plan(
        remedy=REMEDY,
        title=message("deploy-title", function=Resource(name)),
        made=datetime.now(UTC),
        account=aws.account(),
        region=aws.region,
        steps=tuple(steps),
        relies_on=tuple(relies_on),
        reasons=(message("deploy-checked", verdict=found.verdict, count=found.modules),),
        costs=(message("deploy-cost", count=len(options.events)),),
        risks=tuple(_risks(options, found, weights)),
        notes=(message("deploy-way-back", function=Resource(name)),),
        undo_on_surprise=True,
    )


def _risks(
    options: DeploymentOptions, found: PackageCheck, weights: Mapping[str, float] | None
) -> list[Message]:
    risks = list(found.problems)
    if options.alias is not None and weights:
        others = Names(tuple(weights), 10)
        share = Share(max(0.0, 1.0 - sum(weights.values())))
        risks.append(
            message("deploy-risk-weights", alias=Resource(options.alias), share=share, others=others)
        )
    if options.events:
        risks.append(message("deploy-risk-events", count=len(options.events)))
    else:
        risks.append(message("deploy-risk-untested"))
    if options.alias is None:
        risks.append(message("deploy-risk-latest"))
    return risks


def _invocation(number: int, event: tuple[str, Any], name: str, qualifier: Any) -> Step:
    label, payload = event
    parameters = {
        "FunctionName": name, "Qualifier": qualifier, "LogType": "Tail", "Payload": json.dumps(payload)
    }  # fmt: skip
    call = Call("lambda", "invoke", parameters)
    return Step(
        name=f"invoke {number}",
        resource=name,
        why=message("deploy-why-invoke", event=Resource(label)),
        call=call,
        # The handler may report failed messages, or log an error and return.
        expect={
            "FunctionError": None,
            "Payload.batchItemFailures || `[]`": [],
            **{f"contains(LogResult || '', '{text}')": False for text in _LOGGED_ERRORS},
        },
    )


def _publication(step: str, function: str, why: Message, code_hash: str) -> Step:
    call = Call("lambda", "publish_version", {"FunctionName": function, "CodeSha256": code_hash})
    return Step(step, function, why, call, keep={"version": "Version"})


def _switch(name: str, alias: str, version: Any, old_version: str) -> Step:
    def shows(each: Any) -> Condition:
        return Condition(_alias_version(name, alias), "FunctionVersion", each, _UPDATE_S)

    def to(each: Any) -> Call:
        return Call("lambda", "update_alias", {"FunctionName": name, "Name": alias, "FunctionVersion": each})

    why = message("deploy-why-switch", alias=Resource(alias), version=Resource(old_version))
    return change("switch", f"{name}:{alias}", why, (old_version, version), shows, to)


def _watch(
    name: str, since: tuple[str, str], options: DeploymentOptions, configuration: dict[str, Any]
) -> list[Step]:
    """Return the steps that watch real invocations.

    Errors count since the first step of ``since``; invocations since the second, as those before may be the
    plan's own.
    """
    logging = configuration.get("LoggingConfig") or {}
    group = logging.get("LogGroup") or f"/aws/lambda/{name}"
    log_format = logging.get("LogFormat") or "Text"
    if log_format == "JSON" and logging.get("SystemLogLevel") == "WARN":
        # Lambda logs the reports of invocations without an error at the level INFO.
        raise InputError(error_message("error-deploy-no-reports", function=name))

    def logged(pattern: str, step: str) -> Call:
        since_ms = {REFERENCE: f"{step}.at_ms"}
        parameters = {"logGroupName": group, "startTime": since_ms, "filterPattern": pattern}
        return Call("logs", "filter_log_events", parameters)

    wanted = options.watch_invocations
    why = message("deploy-why-watch", count=wanted, within=Duration(options.watch_s))
    reports = logged(_REPORTS[log_format], since[1])
    seen = Condition(reports, f"length(events || `[]`) >= `{wanted}`", True, options.watch_s)
    failures = [logged(pattern, since[0]) for pattern in (_JSON_FAILURES, _TEXT_FAILURES)]
    none_failed = tuple(
        Condition(call, "(events || `[]`)[0].message", None, held_s=0.0 if number else options.late_s)
        for number, call in enumerate(failures)
    )
    hint = message("deploy-hint-unseen", option=Code("--watch"))
    return [
        Step("await", group, why, until=(seen,), hint=hint),
        Step("watch", group, message("deploy-why-no-errors", group=Resource(group)), until=none_failed),
    ]


def recorded_events(
    files: Sequence[Path], case: Case | None, function: str, language: str
) -> list[tuple[str, Any]]:
    """Return the events to invoke a function with, and what to call each in a language.

    These are JSON files with one event each, and from a case the newest message of each DLQ that belongs to a
    queue of the function.
    """
    events: list[tuple[str, Any]] = [(path.name, _event(path)) for path in files]
    if case is None:
        return events
    of_function = [each for each in pipelines(case) if each.function == function]
    queues = {each.queue for each in of_function}
    dlqs = {each.dlq: each.queue for each in of_function if each.dlq}
    messages = case.table("queue_messages")
    # Not every reader of a DLQ asks for the attribute that names the source queue.
    from_dlq = messages["source_queue"].isin(queues) | messages["queue"].isin(dlqs)
    wanted = messages[from_dlq & messages["body"].notna()]
    if wanted.empty:
        known = ", ".join(sorted(queues)) or "no queue"
        raise InputError(
            error_message("error-deploy-no-message", case=case.name, function=function, known=known)
        )
    for row in wanted.sort_values("sent_at").groupby("queue", sort=True).tail(1).itertuples():
        attributes = json.loads(row.attributes) if isinstance(row.attributes, str) else {}
        source = row.source_queue if isinstance(row.source_queue, str) else dlqs[row.queue]
        arn = attributes.get("DeadLetterQueueSourceArn") or f"arn:aws:sqs:::{source}"
        label = render(message("deploy-event-dlq", queue=Resource(row.queue)), language)
        events.append((label, sqs_event(row.body, row.message_id, arn, attributes)))
    return events


def _event(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(error_message("error-event-unreadable", path=path, reason=error)) from error
    except (ValueError, RecursionError) as error:
        raise InputError(error_message("error-event-no-json", path=path, problem=error)) from error


def sqs_event(body: str, message_id: str, queue_arn: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return a message of ReceiveMessage as the event that an SQS event source passes to a function [1]_.

    References
    ----------
    .. [1] https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
    """
    return {
        "Records": [
            {
                "messageId": message_id,
                "receiptHandle": "recorded",
                "body": body,
                "attributes": attributes,
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(
                    body.encode(errors="surrogatepass"), usedforsecurity=False
                ).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": queue_arn.split(":")[3],
            }
        ]
    }


def _alias_version(name: str, alias: str) -> Call:
    return Call("lambda", "get_alias", {"FunctionName": name, "Name": alias})


def _save_package(plan_path: Path, kind: str, data: bytes) -> dict[str, str]:
    path = plan_path.with_name(f"{plan_path.name}.{kind}.zip")
    write_atomically(path, data)
    return {CONTENT: str(path.resolve()), "sha256": hashlib.sha256(data).hexdigest()}


def _code_hash(data: bytes) -> str:
    """Return ``CodeSha256`` as Lambda states it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _current_code(name: str, code_hash: str, aws: Aws) -> bytes:
    """Return the zip of the function's current code, from the address that GetFunction returns."""
    address = aws.call("lambda", "get_function", FunctionName=name)["Code"]["Location"]
    try:
        with urllib.request.urlopen(address, timeout=_DOWNLOAD_S) as response:
            data: bytes = response.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ServiceError(
            error_message("error-code-not-downloaded", function=name, problem=error)
        ) from error
    if _code_hash(data) != code_hash:
        raise ServiceError(error_message("error-code-not-running", function=name))
    return data


def _zip_of(package: Path) -> bytes:
    """Return a zip as it is, and a folder as a zip whose bytes depend on its files alone."""
    if package.is_file():
        return package.read_bytes()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(package).as_posix(), _FIRST_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
                archive.writestr(entry, path.read_bytes())
    return made.getvalue()
