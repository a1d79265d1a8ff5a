"""Phrases about the causes of a diagnosis."""

from worlds.messages import messages_in

from watchme_analysis.present.cause_words import consequence, quoted_error


def test_the_choice_of_words_for_a_second_cause_says_how_the_two_are_linked():
    assert consequence(None) is None
    for secondary, followed in (("throttled", "throttled"), ("bad_records", "other")):
        said = consequence(secondary)
        assert (said.values["followed"].key, said.values["second"].name) == (followed, secondary)


def test_the_leading_error_is_quoted_without_its_full_stop():
    assert quoted_error(None) is None and quoted_error({}) is None
    times = {"first": "2025-12-11T01:00:00Z", "last": "2025-12-11T01:05:00Z"}
    error = {"function": "worker", "text": "No space left. ", "count": 3, "total": 3, **times}
    error |= {"requests": 2, "truncated": True}
    for total, part in ((3, "all"), (4, "some")):
        said = messages_in(quoted_error({**error, "total": total}))
        covered = said["errors-covered"]
        assert (covered["part"], covered["requests"]) == ("cut", 2)
        assert said["error-leading"] == {
            "function": "worker", "error": "No space left", "part": part, "errors": 3, "total": total,
        }  # fmt: skip
