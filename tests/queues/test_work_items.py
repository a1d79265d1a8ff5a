"""Whether a dead letter can succeed, and where a case ends."""

from collections import Counter

from worlds.one_queue import (
    INTERVAL,
    Tables,
    analysis,
    pipeline_of,
)
from worlds.queue_contexts import at
from worlds.together import together

from watchme_analysis.queues import work_items
from watchme_analysis.queues.error_kinds import LoggedErrors
from watchme_analysis.queues.work_done import Failed
from watchme_analysis.window import Window


def errors(**counts):
    return LoggedErrors(Counter(counts), {}, sum(counts.values()), False)


@together(
    ("error", "facts", "own_fault", "expected"),
    [
        (Failed("HTTPError", "404 Client Error"), {}, False, False),
        (Failed("KeyError", "'x'"), {}, False, None),
        (Failed("ConnectionError", "refused"), {}, False, True),
        (Failed("ConnectionError", "refused"), {}, True, None),
        (None, {"passed_share": 0.15}, False, True),
        (None, {"passed_share": 0.16, "failures": INTERVAL}, False, None),
        (None, {}, False, True),  # nothing failed, and failures were counted
        (None, {"errors": errors(message=19, timeout=1)}, False, False),
        (None, {"errors": errors(message=18, timeout=2)}, False, None),
        (None, {"errors": errors(timeout=19, message=1)}, False, True),
        (None, {"errors": errors(timeout=18, code_or_message=2)}, False, None),
        (None, {"errors": errors(timeout=18, other=2), "passed_share": 0.1}, False, True),
        (None, {"errors": errors(timeout=20)}, True, None),
    ],
)
def test_a_dead_letter_can_succeed_where_the_message_is_not_the_cause(error, facts, own_fault, expected):
    found = analysis(**facts)
    assert work_items._recoverable(found, "{}", error, own_fault=own_fault) is expected
    assert work_items._recoverable(found, None, error, own_fault=own_fault) is None


def test_a_case_ends_with_its_window_or_its_last_interval():
    signs = (analysis(pipeline_of(sent=[1.0] * 3)), analysis(pipeline_of(sent=[])))
    tables = Tables()
    assert work_items._end(tables, signs) == at(3)
    assert work_items._end(tables, ()) is None
    tables.window = Window(at(0), at(2))
    assert work_items._end(tables, signs) == at(2)
