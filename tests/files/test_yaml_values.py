"""YAML whose aliases and nesting are limited, and whose tags are ignored."""

import pytest
import yaml
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


def test_an_alias_counts_what_its_own_aliases_stand_for(monkeypatch):
    # b has 1 + 2 * 2 values: it and twice the list of one number.
    text = "a: &a [1]\nb: &b [*a, *a]\nc: *b"
    for most, c in ((9, [[1], [1]]), (8, "*b")):
        monkeypatch.setenv("WATCHME_LIMIT_SETTINGS", str(most))
        assert read_yaml(text) == {"a": [1], "b": [[1], [1]], "c": c}


@together(("levels", "inner"), [(50, []), (51, "[]"), (53, "[[[]]]")])
def test_fifty_levels_are_values_and_deeper_ones_text(levels, inner):
    value = read_yaml("[" * levels + "]" * levels)
    for _ in range(49 + (levels > 50)):
        (value,) = value
    assert value == inner
    # What stands behind the text is read on.
    assert read_yaml("- [" + "[" * levels + "]" * levels + ", b]\n- c")[0][1] == "b"


@together("text", ["a: 1\nbc\nd: 2", "[" + "k" * 1024 + ": v]", "[" + "k" * 1025 + ": v]", "a: [1\nb: 2]"])
def test_a_key_ends_where_the_yaml_library_ends_it(text):
    def outcome(read):
        try:
            return read(text)
        except yaml.YAMLError as error:
            return str(error)

    assert outcome(read_yaml) == outcome(yaml.safe_load)


@together("text", ["a: b: c", "[", "a: 2026-13-01"])
def test_what_is_no_yaml_is_an_error(text):
    with pytest.raises((yaml.YAMLError, ValueError)):
        read_yaml(text)
