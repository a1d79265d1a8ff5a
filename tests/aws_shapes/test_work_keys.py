"""How many bodies must hold a key for it to name the work."""

import pytest

from watchme_analysis.aws_shapes.work_keys import learned_keys
from watchme_analysis.config import WorkItemSettings


@pytest.mark.parametrize(("bodies_with", "learned"), [(4, True), (2, True), (1, False)])
def test_a_key_that_half_of_the_bodies_hold_is_learned(bodies_with, learned):
    bodies = [{"taskId": n} for n in range(bodies_with)] + [{"text": "x"}] * (4 - bodies_with)
    assert learned_keys(WorkItemSettings(), bodies).item_keys == (("taskId",) if learned else ())
