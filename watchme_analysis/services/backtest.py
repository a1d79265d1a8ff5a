"""Back-test of proposed and existing alarms on a case, compared with its diagnosis.

`watchme alarms backtest` and the alarms notebook both show a :class:`CaseBacktest`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchme_analysis.alarms.advice import Advice, advise
from watchme_analysis.alarms.evidence import Evidence, evidence_of
from watchme_analysis.alarms.sensitivity import sensitivity, unpublished_sensitivity
from watchme_analysis.alarms.specification import AlarmSpec, existing_alarms
from watchme_analysis.alarms.time_to_detect import Detection, first_reaction
from watchme_analysis.alarms.trials import AlarmBacktest, Spans, backtest_alarms, backtest_frame
from watchme_analysis.backlog.context import backlog_context
from watchme_analysis.backlog.other_incidents import own_queues, spans_of_others
from watchme_analysis.errors import InputError
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.queues.dlq_stock import dead_lettered_by
from watchme_analysis.queues.pipeline import Pipeline, pipelines
from watchme_analysis.services.diagnose import answer, investigate, questions_for
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    import pandas as pd

    from watchme_analysis.case.case_folder import Case


@dataclass
class CaseBacktest:
    """Alarms back-tested on the pipelines of a case.

    The option ``queue`` of the investigation limits the pipelines to one. The diagnosis is of the same
    investigation: it holds the times of the incident and the affected queues. ``specs`` are the proposed
    alarms; ``noticed`` is when people noticed the incident, None for the first reaction in the data.
    """

    investigation: Investigation
    diagnosis: Diagnosis
    specs: tuple[AlarmSpec, ...]
    noticed: Detection | None = None

    @property
    def start(self) -> datetime | None:
        """Return the first harm of the incident; None without an incident, or when it is unknown."""
        found = self.diagnosis
        return None if found.verdict == "no_incident" else found.first_harm

    @cached_property
    def span_s(self) -> float:
        """Return the length of the evaluated window in seconds; a case without times is an InputError."""
        window = self.investigation.window or self.investigation.case.window
        if window is None:
            name = self.investigation.case.name
            raise InputError(error_message("error-backtest-no-times", case=name))
        return window.seconds

    @cached_property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """Return the pipelines that the alarms are evaluated on."""
        return pipelines(self.investigation, self.investigation.options.get("queue"))

    @cached_property
    def affected(self) -> tuple[Pipeline, ...]:
        """Return the pipelines of the incident; the first pipeline when the diagnosis has no queue."""
        named = own_queues(self.investigation.once(backlog_context), self.diagnosis)
        return tuple(each for each in self.pipelines if each.queue in named) or self.pipelines[:1]

    @cached_property
    def elsewhere(self) -> Spans:
        """Return the times of other incidents, by resource."""
        return spans_of_others(self.investigation.once(backlog_context), self.diagnosis)

    @cached_property
    def detection(self) -> Detection | None:
        """Return the time and the way in which people noticed the incident; None without a record of it."""
        return self.noticed or first_reaction(
            self.investigation, self.affected, self.start, self.diagnosis.incident_end
        )

    @cached_property
    def existing(self) -> tuple[AlarmSpec, ...]:
        """Return the alarms configured in the account, as far as the case contains them."""
        return existing_alarms(self.investigation)

    @cached_property
    def results(self) -> tuple[AlarmBacktest, ...]:
        """Return the results of proposed and existing alarms, one per alarm and resource.

        They are evaluated together, so that a composite alarm can name alarms of both kinds.
        """
        return backtest_alarms(self.investigation, self.pipelines, (*self.specs, *self.existing))

    @property
    def proposed_results(self) -> tuple[AlarmBacktest, ...]:
        """Return the results of the proposed alarms."""
        return tuple(item for item in self.results if any(item.spec is spec for spec in self.specs))

    @property
    def existing_results(self) -> tuple[AlarmBacktest, ...]:
        """Return the results of the existing alarms."""
        return tuple(item for item in self.results if any(item.spec is spec for spec in self.existing))

    def evidence(self) -> dict[tuple[str, str], Evidence]:
        """Return how the proposed alarms would have behaved, by alarm and resource."""
        names = {name for each in self.affected for name in (each.queue, each.function, each.dlq) if name}
        return evidence_of(
            self.frame(self.proposed_results),
            self.start,
            self.span_s,
            names,
            int(self.diagnosis.extra.get("dead_letters_of_incident") or 0),
            lambda moment: dead_lettered_by(self.affected, moment),
        )

    def frame(self, results: Iterable[AlarmBacktest]) -> pd.DataFrame:
        """Return results with the columns of :func:`~watchme_analysis.alarms.trials.backtest_frame`."""
        detected_at = self.detection.at if self.detection else None
        return backtest_frame(results, self.start, self.span_s, detected_at, self.elsewhere)

    def sensitivity(self, pipelines: tuple[Pipeline, ...], specs: Iterable[AlarmSpec]) -> pd.DataFrame:
        """Return a frame of the results at other thresholds and other values of M of N."""
        return sensitivity(self.investigation, pipelines, specs, self.start, self.span_s, self.elsewhere)

    def ranges(self) -> pd.DataFrame:
        """Return a frame of the results at other evaluation ranges, because AWS publishes no length."""
        return unpublished_sensitivity(self.investigation, self.pipelines, self.specs, self.span_s)

    def advice(self, specs: Iterable[AlarmSpec]) -> tuple[Advice, ...]:
        """Return proposals to improve these alarms on the pipelines of the case."""
        return advise(self.investigation, self.pipelines, specs, self.start, self.span_s, self.elsewhere)


def backtest_of_case(
    case: Case, specs: tuple[AlarmSpec, ...], noticed: Detection | None = None, **options: Any
) -> CaseBacktest:
    """Return alarms back-tested on a case, whose incident is that of a backlog or else of health.

    The options are those of :func:`watchme_analysis.services.diagnose.investigate`.
    """
    question = "backlog" if "backlog" in questions_for(case) else "health"
    investigation = investigate(question, case, **options)
    return CaseBacktest(investigation, answer(investigation), specs, noticed)
