"""What the sentences of a verdict say."""

import pytest
from health_world import FAULT, HEALTH, case, investigate, moment

from watchme_analysis.hypotheses.aftermath import aftermath
from watchme_analysis.hypotheses.health import diagnosis as health

HANDLERS = [
    {"file": "app.py", "line": 1, "function": name, "method": "GET", "path": f"/{name}", "runs_on": place}
    for name, place in (("healthz", "thread_pool"), ("jobs", "event_loop"), ("report", "event_loop"))
]


def test_a_pool_that_filled_before_callers_were_harmed_is_said_to_have():
    """The head gives the time at which the pool began to fill; the sentence says what either time means."""
    made = case(
        lambda path, second: {"status": 504, "header_s": 5.0, "inside_s": 7.0} if path == HEALTH else None,
        handlers=HANDLERS,
        gauges=lambda second: {"in_flight": 80.0, "threads": 46.0},
    )
    metrics = made.table("host_metrics")
    filling = metrics["metric"].eq("in_flight") & metrics["time"].between(moment(20), moment(FAULT[0] - 1))
    metrics.loc[filling, "value"] = [4.0 * (at + 1) for at in range(int(filling.sum()))]
    said = health.diagnose(investigate(made))
    assert said.cause == "app_threadpool"
    assert said.incident_start < moment(FAULT[0] - 3)
    began = f"From {said.incident_start:%Y-%m-%d %H:%M:%S} UTC on requests piled up in the process. From "
    assert said.summary[0].startswith(began)


@pytest.mark.parametrize(
    ("secondary", "words"),
    [
        (None, ""),
        ("downstream_saturated", ", which set off a saturated downstream"),
        ("throttled", ", which set off throttling"),
        ("edge_config", ", and edge_config beside it"),
    ],
)
def test_a_second_cause_is_named_in_words(secondary, words):
    assert aftermath(secondary) == words
