"""Phrases about the causes of a diagnosis."""

from worlds.messages import messages_in

from watchme_analysis.present.cause_words import consequence, quoted_error, with_second_cause
from watchme_analysis.text.message import translated


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
