from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from worlds.backlog_world import START, World

from watchme_analysis.alarms.sections import alarm_advice, spared_by_a_check
from watchme_analysis.queues.pipeline import pipelines

TOKYO = ZoneInfo("Asia/Tokyo")


def rang(*rows):
    columns = ["alarm", "resource", "first", "minutes_after_start", "times_raised", "false_a_week"]
    return pd.DataFrame(
        [
            (name, "jobs", START + timedelta(minutes=after), after, times, vain)
            for name, after, times, vain in rows
        ],
        columns=columns,
    )


@pytest.fixture
def dying():
    """Flows of a world that held 5 dead letters before and from minute 100 on gets one a minute, to 45."""
    world = World()
    world.at["dlq_visible"] = np.clip(np.arange(60.0 * world.hours) - 94, 5, 45)
    return pipelines(world)


def test_the_advice_tells_when_and_how_many_could_still_be_kept_from_dying(dying):
    frame = rang(
        ("late", 60.0, 1, 0.0), ("calm", 110.0, 2, 0.0), ("vain", 5.0, 1, 3.5), ("nags", 20.0, 90, 0.0)
    )
    said = alarm_advice(frame, START, dying, 40, TOKYO)
    assert said[0].startswith("late on jobs would have fired first without false alarms")
    assert "1 h after the start, at 2025-12-10 10:00" in said[0]
    assert said[1].startswith("By then 0 of 40 messages were seen in dead-letter queues; 40 could still")
    assert said[2].startswith("nags on jobs fires 20 min after the start, but 90 times")
    assert len(said) == 3
    late = alarm_advice(rang(("late", 110.0, 1, 0.0)), START, dying, 40, TOKYO)
    assert "By then 10 of 40 messages" in late[1]
    assert "the other 30 could" in late[1]
    assert len(alarm_advice(frame, START, dying, 0, TOKYO)) == 2


def test_without_an_alarm_that_reported_the_advice_says_so(dying):
    vain = rang(("vain", 5.0, 1, 3.5))
    assert "without false alarms" in alarm_advice(vain, START, dying, 40, TOKYO)[0]
    silent = vain.assign(first=pd.NaT, minutes_after_start=np.nan, false_a_week=0.0)
    assert alarm_advice(silent, START, dying, 40, TOKYO) == ("None of these alarms would have fired.",)
    (said,) = alarm_advice(silent.assign(times_raised=pd.NA), START, dying, 40, TOKYO)
    assert said.startswith("None of these alarms could be evaluated")
    (said,) = alarm_advice(vain.assign(minutes_after_start=np.nan), None, (), 0, TOKYO)
    assert said == "No incident: vain would have fired falsely."


def test_only_a_change_that_broke_the_function_would_have_been_found_by_a_check():
    change = {"time": "2025-12-10T01:42:17.000+00:00", "what": "UpdateFunctionCode", "resource": "job-runner"}

    def spared(cause, change, dead):
        extra = {"change": change, "dead_letters_of_incident": dead}
        return spared_by_a_check(SimpleNamespace(cause=cause, extra=extra), TOKYO)

    (said,) = spared("consumer_failing", change, 991)
    assert "UpdateFunctionCode on job-runner at 2025-12-10 10:42" in said
    assert "would have kept all 991 messages out of the dead-letter queue" in said
    for other in (
        ("throttled", change, 991),
        ("consumer_failing", None, 991),
        ("consumer_failing", change, 0),
    ):
        assert spared(*other) == ()
