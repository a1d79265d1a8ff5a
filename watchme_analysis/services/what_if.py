"""The model used to simulate measures against a backlog.

`watchme simulate` and the what-if notebook both simulate :func:`what_if_model`.
"""

from __future__ import annotations

from datetime import tzinfo

from watchme_analysis.case.case_folder import Case
from watchme_analysis.errors import InputError
from watchme_analysis.inference.findings import Diagnosis, Investigation
from watchme_analysis.queues.pipeline import pipelines
from watchme_analysis.services.diagnose import answer, collecting, investigate
from watchme_analysis.simulation.fit import recorded
from watchme_analysis.simulation.model import Model, model_of
from watchme_analysis.text.render import error_message


def what_if_of_case(
    case: Case,
    queue: str | None = None,
    slots: int | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    zone: tzinfo | None = None,
) -> tuple[Diagnosis, Model]:
    """Return the backlog diagnosis of a case and the fitted model of a queue, by default the affected one.

    Further parameters are those of :func:`what_if_model` and
    :func:`watchme_analysis.services.diagnose.diagnose`. Raises an InputError when the case has no queue or
    not the named one, or the queue can't be fitted.
    """
    names = [each.queue for each in pipelines(case)]
    if not names:
        raise _without_queue(case)
    if queue is not None and queue not in names:
        raise InputError(
            error_message("error-case-no-queue", case=case.name, queue=queue, known=", ".join(names))
        )
    investigation = investigate("backlog", case, since=since, until=until, zone=zone, subject=queue)
    diagnosis = answer(investigation)
    return diagnosis, what_if_model(investigation, diagnosis, slots)


def what_if_model(investigation: Investigation, diagnosis: Diagnosis, slots: int | None = None) -> Model:
    """Return the model of the affected queue with the oldest message.

    ``slots`` is the number of calls that the API processes at once; None for no limit. Raises an InputError
    when the case has no queue, or the queue can't be fitted.
    """
    found = pipelines(investigation, investigation.options.get("queue"))
    if not found:
        raise _without_queue(investigation.case)
    affected = set(diagnosis.extra.get("queues", ()))
    candidates = [each for each in found if each.queue in affected] or list(found)
    worst = max(candidates, key=lambda each: recorded(each, investigation).peak_age_s or 0.0)
    return model_of(investigation, worst, slots)


def _without_queue(case: Case) -> InputError:
    return InputError(error_message("error-simulate-no-queue", case=case.name, **collecting("backlog", case)))
