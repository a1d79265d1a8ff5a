"""Trouble of a queue within a part of the window: failures, waiting messages, and idleness."""

from worlds.one_queue import DAY, HOUR, pipeline_of, some
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.queues import episodes


def trouble_of(hours=6, start=0, end=6 * HOUR, **columns):
    usual = {"tried": [10.0] * hours * HOUR, "failed": [0.0] * hours * HOUR}
    return episodes.trouble_within(pipeline_of(**usual | columns), at(start), at(end))


def test_trouble_within_a_part_of_the_window_is_failures_waiting_or_idleness():
    failed = some(6 * HOUR, (24, 36))
    found = trouble_of(failed=failed, age_s=some(6 * HOUR, (24, 30), value=90.0))
    assert (found.start, found.end, found.kind) == (at(24), at(36), "trouble")
    assert (found.count, found.base, found.age_s, found.only_waited) == (120.0, 120.0, 90.0, False)
    assert trouble_of(failed=failed, end=24) is None
    assert trouble_of(failed=failed, start=6 * HOUR, end=7 * HOUR) is None
    assert trouble_of() is None


def test_messages_that_were_not_received_are_trouble():
    visible, received = some(6 * HOUR, (24, 36)), some(6 * HOUR, (0, 24), (36, 72))
    found = trouble_of(visible=visible, received=received)
    assert (found.start, found.end, found.only_waited) == (at(24), at(36), False)
    assert (found.count, found.age_s) == (0.0, 0.0)


def test_messages_that_waited_long_are_trouble_of_their_own():
    columns = {
        "visible": some(6 * HOUR, (24, 36)), "age_s": some(6 * HOUR, (28, 36), value=900.0),
        "received": [1.0] * 6 * HOUR,
    }  # fmt: skip
    found = trouble_of(**columns)
    assert (found.start, found.end, found.age_s, found.only_waited) == (at(24), at(36), 900.0, True)
    young = columns | {"age_s": some(6 * HOUR, (28, 36), value=599.0)}
    assert trouble_of(**young) is None
    assert trouble_of(start=25, **columns) is None, "it grew before the part"
    # Failures within belong to it, those apart from it do not extend it.
    both = trouble_of(failed=some(6 * HOUR, (30, 40)), **columns)
    assert (both.start, both.end, both.only_waited) == (at(24), at(40), False)
    apart = trouble_of(failed=some(6 * HOUR, (50, 60)), **columns)
    assert (apart.start, apart.end) == (at(50), at(60))


def test_trouble_at_the_same_time_of_other_days_is_none():
    for name in ("failed", "idle"):
        places = [(day * DAY + 24, day * DAY + 36) for day in range(3)]
        length = 3 * DAY + HOUR
        if name == "failed":
            columns = {"failed": some(length, *places), "tried": [10.0] * length}
        else:
            columns = {
                "visible": some(length, *places), "received": some(length, *places, value=0.0, base=1.0),
                "tried": [1.0] * length, "failed": [0.0] * length,
            }  # fmt: skip
        pipeline = pipeline_of(**columns)
        found = episodes.trouble_within(pipeline, at(DAY), at(2 * DAY))
        assert found is None, name


@together(
    ("ages", "settled"),
    [
        ([0.0, 700.0, 700.0, 599.0, 700.0], 3),
        ([0.0, 600.0, 600.0, 600.0, 600.0], 4),  # old to the end
        ([900.0, 0.0, 599.0, None, 0.0], 1),
        ([0.0, None, 600.0, None, 0.0], 1),  # calm at once
    ],
)
def test_an_incident_is_settled_without_old_messages(ages, settled):
    assert episodes.settled_after(pipeline_of(age_s=ages), at(1)) == at(settled)
    assert episodes.settled_after(pipeline_of(age_s=ages), at(99)) == at(99)
