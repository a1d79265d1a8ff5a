import math

import pytest
from worlds.messages import messages_in

from watchme_analysis.inference.findings import Evidence, Finding
from watchme_analysis.inference.quoted_error import quoted_error
from watchme_analysis.inference.weighing import REFUTED_AT, consequence, weigh, with_second_cause
from watchme_analysis.text.message import translated


def found(cause, *weights):
    return Finding(cause, tuple(Evidence("", table="metrics", rows=1, weight=weight) for weight in weights))


def statuses(*findings, **options):
    return {entry.finding.cause: entry.status for entry in weigh(findings, **options)}


def test_probabilities_are_those_of_added_log_odds_and_stand_in_their_order():
    first, second, third = weigh([found("c"), found("b", 1.5, 0.5), found("a")])
    total = math.exp(2) + 2
    assert [entry.finding.cause for entry in (first, second, third)] == ["b", "a", "c"]
    assert first.probability == pytest.approx(math.exp(2) / total)
    assert second.probability == third.probability == pytest.approx(1 / total)


def test_log_odds_before_the_evidence_count():
    first, _ = weigh([found("a"), found("b", 1.0)], {"a": 2.0})
    assert first.finding.cause == "a"
    assert first.probability == pytest.approx(math.exp(2) / (math.exp(2) + math.exp(1)))


def test_a_cause_is_supported_by_evidence_of_its_own_and_refuted_from_a_sum_of_minus_one():
    assert statuses(found("a", 2.0), found("b", REFUTED_AT), found("c", REFUTED_AT + 0.1)) == {
        "a": "supported",
        "b": "refuted",
        "c": "inconclusive",
    }
    assert statuses(found("a"), found("b", -5.0)) == {"a": "inconclusive", "b": "refuted"}


def test_none_of_the_others_is_refuted_by_what_speaks_for_one_of_them():
    assert statuses(found("a", 4.0), found("none"), complement="none")["none"] == "refuted"
    assert statuses(found("a", 4.0), found("none"))["none"] == "inconclusive"
    assert statuses(found("a", 1.0), found("none"), complement="none")["none"] == "inconclusive"


@pytest.mark.parametrize(("hint", "share"), [(0.4, 0.6), (0.5, 0.622), (0.6, 1.0)])
def test_a_hint_names_no_cause_though_all_others_are_ruled_out(hint, share):
    first, _ = weigh([found("a", hint), found("b", -20.0)], may_be_another=True)
    assert first.probability == pytest.approx(share, abs=0.01)


def test_nothing_is_weighed_without_findings():
    assert weigh([]) == ()


def test_the_choice_of_words_for_a_second_cause_says_how_the_two_are_linked():
    assert consequence(None) is None
    for secondary, followed in (("throttled", "throttled"), ("bad_records", "other")):
        said = consequence(secondary)
        assert (said.values["followed"].key, said.values["second"].name) == (followed, secondary)
    for secondary, others, followed, second in (
        ("downstream_down", ("c",), "downstream_down", "downstream_down"),
        ("b", ("c",), "linked", "b"),
        (None, ("c", "d"), "other", "c"),
        (None, ("mapping_disabled",), "mapping_disabled", "mapping_disabled"),
    ):
        said = with_second_cause("a", secondary, others)
        assert (said.id, said.values["followed"].key) == ("cause-and-second", followed)
        assert (said.values["cause"].name, said.values["second"].name) == ("a", second)
    assert with_second_cause("a", None).id == "cause-alone"
    named = with_second_cause("a", "b", names={"a": translated("the first", "一つ目")})
    assert messages_in(named)["cause-named"]["id"] == "a"
    assert named.values["second"].name == "b"


def test_the_leading_error_is_quoted_without_its_full_stop():
    assert quoted_error(None) is None and quoted_error({}) is None
    error = {"function": "worker", "text": "No space left. ", "count": 3, "total": 3}
    for total, part in ((3, "all"), (4, "some")):
        values = messages_in(quoted_error({**error, "total": total}))["error-leading"]
        assert values == {
            "function": "worker", "error": "No space left", "part": part, "errors": 3, "total": total,
        }  # fmt: skip
