"""YAML whose aliases and nesting are limited, and whose tags are ignored."""

from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.files.yaml_values import read_yaml


@together(
    ("text", "value"),
    [
        ("!reset [1, {a: !x 2}]", [1, {"a": "2"}]),
        ("!override {a: [1]}", {"a": [1]}),
        ("!secret text", "text"),
        ("a: &a [1]\nb: [*a, *a]", {"a": [1], "b": [[1], [1]]}),
        ("a: &x {b: *x}", {"a": {"b": "*x"}}),
    ],
)
def test_tags_and_aliases_become_plain_values(text, value):
    problems = []
    assert (read_yaml(text, problems), problems) == (value, [])


def test_aliases_are_values_up_to_the_limit_and_text_behind_it(monkeypatch):
    # The list and its two numbers are three values, the object with its key and value three as well.
    text = "a: &a [1, 2]\nb: &b {c: d}\ne: *a\nf: *b\ng: *b\nh: *a"
    whole = {"a": [1, 2], "b": {"c": "d"}, "e": [1, 2], "f": {"c": "d"}, "g": {"c": "d"}, "h": [1, 2]}
    for most, cut, aliases in ((12, {}, 0), (11, {"h": "*a"}, 1), (6, {"g": "*b", "h": "*a"}, 2)):
        monkeypatch.setenv("WATCHME_LIMIT_SETTINGS", str(most))
        problems = []
        assert read_yaml(text, problems) == whole | cut
        assert read_yaml(text) == whole | cut
        said = [messages_in(one.message) for one in problems]
        assert [one["problem-aliases"]["values"] for one in said] == [most] * (aliases > 0)
        assert [one["problem-aliases"]["aliases"] for one in said] == [aliases] * (aliases > 0)
        assert all(one["limit-reached"]["limit"] == f"settings = {most}" for one in said)


@together(("levels", "inner"), [(50, []), (51, "[]"), (53, "[[[]]]")])
def test_fifty_levels_are_values_and_deeper_ones_text(levels, inner):
    value = read_yaml("[" * levels + "]" * levels)
    for _ in range(49 + (levels > 50)):
        (value,) = value
    assert value == inner
    # What stands behind the text is read on.
    assert read_yaml("- [" + "[" * levels + "]" * levels + ", b]\n- c")[0][1] == "b"


def test_brackets_in_comments_leave_the_values_behind_them_alone():
    text = "a: 1\n" + "  # [ { [ {\n" * 300 + "b: [1, {c: 2}]\n"
    assert read_yaml(text) == {"a": 1, "b": [1, {"c": 2}]}
