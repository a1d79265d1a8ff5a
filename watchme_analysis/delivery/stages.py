"""The stages of a run against AWS: evidence, diagnosis and reports through the services of the package."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from watchme_analysis.case.export import redactor_of
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.insights.cached import QueryOptions
from watchme_analysis.cloudwatch.response_cache import account_cache, requested_window
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.config import FILE, RunSettings, System
from watchme_analysis.delivery.destinations.base import POSTMORTEM_FORM
from watchme_analysis.delivery.run import Collected, Variant
from watchme_analysis.delivery.telemetry import Telemetry, telemetry_of
from watchme_analysis.errors import InputError, ReportError
from watchme_analysis.prices import BYTES_PER_GB
from watchme_analysis.report.folder import RESULT
from watchme_analysis.report.postmortem import write_postmortems
from watchme_analysis.report.run import write_reports
from watchme_analysis.report.summary import sentence
from watchme_analysis.services.collect import Request, named_resources, pull_case
from watchme_analysis.services.diagnose import answer, investigate, questions_for
from watchme_analysis.text.message import value_of
from watchme_analysis.text.render import error_message, note
from watchme_analysis.window import Window


@dataclass(frozen=True)
class AwsSource:
    """Evidence of a system from AWS.

    ``window`` is that of an event; None for that of the settings, which ends now. ``cache`` is the folder of
    cached responses; None for that in the user's cache. Offline, only cached responses are used, with the
    window of the last run. ``time_zone`` is the IANA name of the zone of the texts.
    """

    system: System
    aws: Aws
    settings: RunSettings
    window: Window | None = None
    cache: Path | None = None
    is_offline: bool = False
    time_zone: str = "UTC"

    def collect(self, cases: Path, most_gb: float, seconds: float) -> Collected:
        """Pull the evidence into a case, unless a run before has pulled the same window."""
        named = named_resources(self.system)
        if not any(named.values()):
            raise InputError(error_message("error-system-names-nothing", system=self.system.name, file=FILE))
        timer = threading.Timer(seconds, self.aws.cancelled.set)
        timer.daemon = True
        timer.start()
        try:
            cache = account_cache(self.aws, self.cache, offline=self.is_offline)
            parts: Sequence[Any] = ["run", self.system.name, *map(list, named.values())]
            window = self.window or requested_window(cache, parts, (self.settings.window, "now"), UTC)
            target = cases / f"{window.end:%Y%m%dT%H%M%SZ}-from-{window.start:%Y%m%dT%H%M%SZ}"
            if target.exists():
                return Collected(target, window, telemetry=self._telemetry(target, window, None, 0))
            options = QueryOptions(cache, deadline_s=seconds, max_scan_bytes=most_gb * 1e9)
            request = Request(
                window,
                named["queues"],
                named["functions"],
                named["instances"],
                named["log_groups"],
                usd_per_gb=self.settings.usd_per_gb,
                options=options,
            )
            before = self.aws.metrics_requested
            pulled = pull_case(self.aws, request, target)
        finally:
            timer.cancel()
        missing = tuple(
            note("problem-of", of=value_of(part), problem=value_of(why))
            for part, why in pulled.failures.items()
        )
        requested = self.aws.metrics_requested - before
        telemetry = self._telemetry(target, window, pulled.log_bytes, requested)
        return Collected(target, window, pulled.bytes_scanned / BYTES_PER_GB, missing, telemetry)

    def _telemetry(
        self, path: Path, window: Window, log_bytes: float | None, metrics_requested: int
    ) -> Telemetry:
        case = open_case(path)
        columns = {"queues": "queue", "functions": "function"}
        resources = {
            str(name) for table, column in columns.items() for name in case.table(table)[column].dropna()
        }
        resources.update(self.system.instances)
        return telemetry_of(case.table("alarms"), resources, log_bytes, window, metrics_requested)

    def diagnose(self, path: Path, level: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the diagnosis of each question that the case has evidence for."""
        case = open_case(path)
        questions = questions_for(case)
        if not questions:
            raise InputError(error_message("error-case-without-question", case=path))
        redactor = redactor_of(case, level)
        found = {}
        for question in questions:
            found[question] = redactor.value(answer(investigate(question, case)).to_dict())
        return found

    def report(self, case: Path, question: str, wanted: Variant, out: Path, seconds: float) -> str:
        """Write a report of a case; return the name of its folder or file.

        A notebook that still runs after so many seconds is interrupted, and there is no report.
        """
        language, level = wanted.language, wanted.level
        if wanted.form == POSTMORTEM_FORM:
            (file, _), *_ = write_postmortems(
                question, [case], out, redact=level, language=language, timezone=self.time_zone
            )
            return file.name
        (result,) = write_reports(
            question,
            [case],
            out,
            redact=level,
            seconds=seconds,
            language=language,
            timezone=self.time_zone,
        )
        if result["status"] != "ok":
            raise ReportError(sentence(result["error"]) or error_message("error-notebook-failed"))
        return next(out.glob(f"*/{RESULT}")).parent.name
