"""Without a trail, the configurations still tell when something was last changed."""

from datetime import datetime, timedelta

import pytest
from worlds.backlog_draws import make
from worlds.backlog_situations import alone
from worlds.messages import messages_in

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.inference.findings import Investigation

pytestmark = pytest.mark.slow


def no_trail(world, options):
    options["changes"], world.change = None, None


def diagnose_world(path, seed, cause, tweak=no_trail):
    truth = make(seed, path, cause, alone(tweak))
    return truth, diagnose(Investigation(open_case(path), "backlog"))


@pytest.mark.parametrize(
    ("cause", "seed", "table"),
    [
        ("consumer_failing", 9, "functions"),
        ("visibility_misconfig", 0, "queues"),
        ("mapping_disabled", 5, "event_source_mappings"),
    ],
)
def test_an_incident_begins_with_the_last_change_of_what_failed(tmp_path, cause, seed, table):
    truth, found = diagnose_world(tmp_path / "raw", seed, cause)
    assert truth["incident_end"] is None  # nothing was changed after it
    assert found.cause == cause
    assert abs(found.incident_start - datetime.fromisoformat(truth["incident_start"])) < timedelta(seconds=1)
    assert found.extra["change"] is None  # it is no event of a trail
    changes = [item for item in found.ranking[0].finding.evidence if item.check == "change"]
    assert [item.table for item in changes] == [table]
    assert "backlog-change-in-configuration" in messages_in(changes[0].statement)


def test_a_later_change_tells_when_it_ended(tmp_path):
    truth, found = diagnose_world(tmp_path / "raw", 3, "consumer_failing")
    assert truth["incident_end"] is not None
    assert abs(found.incident_end - datetime.fromisoformat(truth["incident_end"])) < timedelta(seconds=1)
