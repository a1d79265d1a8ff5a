"""Settings that the simulation of a case has shown to help, planned for the account as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.aws_shapes.names import resource_name
from watchme_analysis.case.opening import open_case
from watchme_analysis.cloudwatch.account_state import describe_function, discover_scope
from watchme_analysis.errors import InputError
from watchme_analysis.remedies.plan import Plan
from watchme_analysis.remedies.queue_settings import REMEDY, LiveSettings, helpful, raised, settings_plan
from watchme_analysis.services.what_if import what_if_of_case
from watchme_analysis.simulation.scenarios import Comparison, compare
from watchme_analysis.text.catalogue import LANGUAGES
from watchme_analysis.text.message import Count, Phrases, message, value_of
from watchme_analysis.text.render import error_message, render

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws
    from watchme_analysis.simulation.calibration import Agreement


@dataclass(frozen=True)
class Simulated:
    """The simulations of a queue.

    Attributes
    ----------
    queue
        Name of the queue.
    found
        Scenarios, as configured first.
    agreements
        Agreement of the first with the record.
    """

    queue: str
    found: tuple[Comparison, ...]
    agreements: tuple[Agreement, ...]


def simulated(
    case: Path, queue: str | None = None, replications: int = 10, seed: int = 0, processes: int = 1
) -> Simulated:
    """Return the simulations of a case; parameters as for `watchme simulate`."""
    _, model = what_if_of_case(open_case(case), queue)
    base = model.scenarios[0]
    wanted = [each for each in model.scenarios if each.load == base.load]
    found = compare(wanted, replications, seed, processes)
    return Simulated(model.pipeline.queue, found, tuple(each for _, each in model.agreements(found[0])))


def plan_settings(aws: Aws, tried: Simulated, measure: str | None = None) -> Plan:
    """Return the plan of the measure that helps most, or of a named one that helps.

    Raises
    ------
    InputError
        When no measure of settings helps, the named one does not, the account differs from the case, or the
        queue has not exactly one function.
    ServiceError
        When AWS can't be called.
    """
    base = tried.found[0]
    rows = helpful(tried.found)
    names = Phrases(tuple(message("measure-quoted", measure=value_of(row.scenario.measure)) for row in rows))
    # `watchme simulate` shows the measures in the language of the reader.
    named = {render(row.scenario.measure, language): row for language in LANGUAGES for row in rows}
    if measure is not None and measure not in named:
        known = Count(len(rows))
        raise InputError(error_message("error-measure", measure=repr(measure), known=known, names=names))
    clear = [row for row in rows if not raised(base, row)]
    if measure is None and not clear:
        traded = error_message("error-settings-traded", names=names) if rows else ""
        raise InputError(error_message("error-settings-no-help", queue=tried.queue, traded=traded))
    chosen = clear[0] if measure is None else named[measure]
    title = message("settings-cost")
    empty = Plan(REMEDY, title, datetime.now(UTC), aws.account(), aws.region)
    return settings_plan(base, chosen, live_settings(aws, tried.queue), tried.agreements, empty)


def live_settings(aws: Aws, queue: str) -> LiveSettings:
    """Return the settings of a queue, its function and its mapping as they are now.

    Raises
    ------
    InputError
        When the queue has not exactly one event source mapping.
    ServiceError
        When AWS can't be called, or the queue does not exist.
    """
    scope = discover_scope(aws, [queue], [])
    mappings = [
        (function, each)
        for function, found in scope.mappings.items()
        for each in found
        if resource_name(str(each.get("EventSourceArn"))) == queue
    ]
    if len(mappings) != 1:
        raise InputError(error_message("error-settings-mappings", queue=queue, number=len(mappings)))
    [(function, mapping)] = mappings
    configuration, concurrency = describe_function(aws, function)
    return LiveSettings(
        queue,
        scope.urls[queue],
        scope.queues[queue],
        function,
        float(configuration["Timeout"]),
        concurrency.get("ReservedConcurrentExecutions"),
        str(mapping["UUID"]),
        (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"),
    )
