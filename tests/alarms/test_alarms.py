import pytest

from watchme_analysis.alarms.evaluation import STATES, TREATMENTS, evaluate
from watchme_analysis.errors import InputError

# The tables of the CloudWatch User Guide's page on missing data, oldest point first: 0 not breaching,
# X breaching, - missing; then what `missing`, `ignore`, `breaching` and `notBreaching` give; "keep" is the
# state before.
ROWS = [
    ("0-X-X", 3, ("OK", "OK", "OK", "OK")),
    ("0----", 3, ("OK", "OK", "OK", "OK")),
    ("-----", 3, ("INSUFFICIENT_DATA", "keep", "ALARM", "OK")),
    ("0XX-X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("--X--", 3, ("ALARM", "keep", "ALARM", "OK")),
    ("0-X-X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("00X0X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0-X--", 2, ("OK", "OK", "ALARM", "OK")),
    ("----0", 2, ("OK", "OK", "ALARM", "OK")),
    ("---X-", 2, ("ALARM", "keep", "ALARM", "OK")),
]
POINTS = {"0": False, "X": True, "-": None}


def test_the_user_guides_tables(subtests):
    for before in STATES:
        for points, needed, expected in ROWS:
            with subtests.test(points=points, needed=needed, expected=expected, before=before):
                for treatment, state in zip(
                    ("missing", "ignore", "breaching", "notBreaching"), expected, strict=True
                ):
                    got = evaluate([POINTS[point] for point in points], 3, needed, treatment, before)
                    assert got == (before if state == "keep" else state), treatment


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_the_newest_points_decide_when_there_are_enough(treatment):
    assert evaluate([True, True, False, False, False], 3, 1, treatment) == "OK"
    assert evaluate([False, None, True, None, True, True], 3, 3, treatment) == "ALARM"


@pytest.mark.parametrize("points", ["----X", "---X-"])
@pytest.mark.parametrize("before", STATES)
def test_a_late_point_does_not_ring_too_early(points, before):
    assert evaluate([POINTS[point] for point in points], 3, 3, "missing", before) == before


@pytest.mark.parametrize(
    ("periods", "needed", "treatment", "state"),
    [(3, 4, "missing", "OK"), (3, 0, "missing", "OK"), (3, 2, "guess", "OK"), (3, 2, "missing", "FINE")],
)
def test_settings_that_can_not_be_are_refused(periods, needed, treatment, state):
    with pytest.raises(InputError):
        evaluate([True] * 3, periods, needed, treatment, state)
