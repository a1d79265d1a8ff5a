"""Page of the alarms notebook: back-test of proposed and existing alarms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from watchme_analysis.alarms.sections import (
    advice_table,
    alarm_advice,
    backtest_table,
    plot_alarm_sensitivity,
    plot_alarm_times,
    ranges_table,
    rules_table,
    spared_by_a_check,
)
from watchme_analysis.alarms.sensitivity import UNPUBLISHED
from watchme_analysis.alarms.specification import AlarmSpec
from watchme_analysis.alarms.time_to_detect import Detection
from watchme_analysis.notebook import readings
from watchme_analysis.notebook.page import Page
from watchme_analysis.notebook.section import Rows, records, section
from watchme_analysis.present.display import FigureView, TableView, TextView
from watchme_analysis.services.backtest import CaseBacktest
from watchme_analysis.text.formats import format_time
from watchme_analysis.text.message import Duration, Resource, message, value_of
from watchme_analysis.text.render import note, render, value_label
from watchme_analysis.window import parse_time

if TYPE_CHECKING:
    import pandas as pd

_MOST_BARS = 14


@dataclass(repr=False)
class AlarmPage(Page):
    """Sections of the alarms notebook, one method each.

    Attributes
    ----------
    specs
        Alarms of the specification.
    noticed_at
        Time at which people noticed, from the parameter ``noticed``; empty for the first reaction in the
        data.
    """

    specs: tuple[AlarmSpec, ...] = ()
    noticed_at: str = ""

    @cached_property
    def _tests(self) -> CaseBacktest:
        noticed = None
        if self.noticed_at:
            moment = parse_time(self.noticed_at, self.zone, now=self.window.end)
            noticed = Detection(moment, note("detect-stated"))
        return CaseBacktest(self.investigation, self.diagnosis, self.specs, noticed)

    @section(lambda page: page._rule_rows())
    def rules(self) -> TableView:
        """Return a table of the alarms of the specification."""
        return rules_table(
            (
                (
                    f"{spec.name} ({spec.label})" if spec.label else spec.name,
                    render(spec.summary, self.language),
                    value_label("alarm-over", spec.over, self.language),
                )
                for spec in self.specs
            ),
            self.language,
        )

    @section(sql=Rows("alarm_history"))
    def time_to_detect(self) -> TextView:
        """Return sentences on the start of the incident and the time at which people noticed."""
        if self._start is None:
            return TextView((self._label("detect-no-incident"),))
        began = format_time(self._start, self.zone)
        found = self._tests.detection
        if found is None:
            said = message("detect-nobody", start=Resource(began), zone=Resource(str(self.zone)))
        else:
            said = message(
                "detect-noticed",
                start=Resource(began),
                zone=Resource(str(self.zone)),
                time=Resource(format_time(found.at, self.zone)),
                late=Duration((found.at - self._start).total_seconds()),
                how=value_of(found.how),
            )
        return TextView((render(said, self.language),))

    @section(
        lambda page: page._tests.frame(page._tests.proposed_results),
        Rows("metrics"),
        plot="fires",
        reading=lambda page: readings.first_alarm(page.backtest.frame, page._start),
    )
    def backtest(self) -> TableView:
        """Return a table of the times at which the alarms of the specification would have fired."""
        return backtest_table(self._tests.frame(self._tests.proposed_results), self.zone, self.language)

    @section(lambda page: page._tests.frame(page._tests.existing_results), Rows("metrics"), plot="fires")
    def existing(self) -> TableView:
        """Return a table of the times at which the existing alarms would have fired."""
        if not self._tests.existing_results:
            none = self._label("existing-alarms-none")
            return TableView(self._label("existing-alarms-caption"), (), (), none)
        return backtest_table(
            self._tests.frame(self._tests.existing_results),
            self.zone,
            self.language,
            existing=True,
        )

    @section(lambda page: page._tests.frame(page._tests.results), Rows("metrics"))
    def fires(self) -> FigureView:
        """Return a figure of the times in alarm."""
        fired = [item for item in self._tests.results if item.run and item.run.raised]
        fired.sort(key=lambda item: item.run.raised[0][0] if item.run else 0)
        bars = [(f"{item.spec.name}\n{item.resource}", item.run.raised) for item in fired if item.run]
        detection = self._tests.detection
        noticed = None if detection is None else detection.at
        return plot_alarm_times(bars[:_MOST_BARS], self.span(), noticed)

    @cached_property
    def _swept(self) -> pd.DataFrame:
        return self._tests.sensitivity(self._tests.affected, self.specs)

    @section(lambda page: page._swept, Rows("metrics"), reading=lambda page: readings.thresholds(page._swept))
    def sensitivity(self) -> FigureView:
        """Return a figure of the delay of alarms on affected queues at other thresholds and M of N."""
        return plot_alarm_sensitivity(self._swept, self.language)

    @section(lambda page: page._tests.ranges(), Rows("metrics"))
    def ranges(self) -> TableView:
        """Return a table of the alarms that depend on the unpublished length of the evaluation range."""
        return ranges_table(self._tests.ranges(), UNPUBLISHED, self.zone, self.language)

    @section(
        lambda page: page._advice_rows(),
        Rows("metrics"),
        reading=lambda page: readings.improvements(page._advice_rows()),
    )
    def improvements(self) -> TableView:
        """Return a table of improvements to the alarms of the specification."""
        return advice_table(self._tests.advice(self.specs), self.language)

    @section(sql=Rows("metrics"), plot="fires")
    def advice(self) -> TextView:
        """Return sentences on the alarm to create first."""
        found, affected = self.diagnosis, self._tests.affected
        dead = found.extra.get("dead_letters_of_incident") or 0
        sentences = alarm_advice(
            self._tests.frame(self._tests.proposed_results), self._start, affected, dead, self.zone
        )
        said = (*sentences, *spared_by_a_check(found, self.zone))
        return TextView(tuple(render(each, self.language) for each in said))

    def _rule_rows(self) -> pd.DataFrame:
        columns = ("name", "over", "rule", "stat")
        return records(
            (
                {"name": one.name, "over": one.over, "rule": one.in_words, "stat": one.stat}
                for one in self.specs
            ),
            columns,
        )

    def _advice_rows(self) -> pd.DataFrame:
        columns = ("alarm", "resource", "finding", "instead", "effect")
        advice = self._tests.advice(self.specs)
        return records(({name: getattr(one, name) for name in columns} for one in advice), columns)
