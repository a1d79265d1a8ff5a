"""How many bodies must hold a key for it to name the work."""

import pytest

from watchme_analysis.aws_shapes.work_keys import learned_keys
from watchme_analysis.config import WorkItemSettings


@pytest.mark.parametrize(("bodies_with", "learned"), [(4, True), (2, True), (1, False)])
def test_a_key_that_half_of_the_bodies_hold_is_learned(bodies_with, learned):
    bodies = [{"taskId": n} for n in range(bodies_with)] + [{"text": "x"}] * (4 - bodies_with)
    assert learned_keys(WorkItemSettings(), bodies).item_keys == (("taskId",) if learned else ())


def keys_of(*bodies, settings=None):
    found = learned_keys(settings or WorkItemSettings(), bodies)
    return found.item_keys, found.time_keys, found.day_keys


def test_names_of_items_moments_and_days():
    body = {
        "order_id": 7,
        "userID": "u",
        "messageId": "m",
        "id": 5,
        "placed": "2025-12-11T10:00:00Z",
        "day": "2025-12-11",
        "time": "2025-12-11T10:00:00Z",
        "empty": "",
        "flag": True,
        "paid": "yes",
        "inner": '{"deviceId": "d"}',
    }
    assert keys_of(body) == (("order_id", "userID", "deviceId"), ("placed",), ("day",))
    # A value that does not fit speaks against the key; more bodies come first.
    assert keys_of({"a": "2025-12-11"}, {"a": "tomorrow"}) == ((), (), ())
    assert keys_of({"aId": 1, "bId": 2}, {"bId": 3})[0] == ("bId", "aId")
    assert keys_of() == ((), (), ())
    stated = WorkItemSettings(("x",), (), ())
    assert keys_of(body, settings=stated) == (("x",), ("placed",), ("day",))
    whole = WorkItemSettings(("x",), ("y",), ("z",))
    assert learned_keys(whole, [body]) is whole
