"""JSON values of lines and files: what no table holds is kept as text, and nesting has an end."""

from worlds.together import together

from watchme_analysis.files.json_values import (
    flatten,
    json_value,
    read_json,
)


@together(
    ("line", "value"),
    [
        (b'{"a": 1, "b": 2, "a": 3, "a": [4]}', {"a": 1, "b": 2, "a#2": 3, "a#3": [4]}),
        (b'{"a": "caf\xe9"}', {"a": "caf\\xe9"}),
        ('["\\ud83d", {"\\ud83d": "\\ud83d\\ude00"}, 1]', ["\\ud83d", {"\\ud83d": "\U0001f600"}, 1]),
        (b'{"a": "tab\there"}', {"a": "tab\there"}),
    ],
)
def test_a_line_keeps_every_value(line, value):
    assert json_value(line) == value


@together(("levels", "inner"), [(99, []), (100, []), (101, "[]"), (102, "[[]]")])
def test_a_hundred_levels_are_values_and_deeper_ones_text(levels, inner):
    value = read_json("[" * levels + "]" * levels)
    for _ in range(min(levels, 100) - (levels <= 100)):
        (value,) = value
    assert value == inner


@together(
    ("value", "leaves"),
    [
        ({"b": {"c": [1, "é"]}, "a": None}, [("b.c.0", "1"), ("b.c.1", '"é"'), ("a", "null")]),
        ({"a": [], "b": {}}, [("a", "[]"), ("b", "{}")]),
        (7, [("", "7")]),
        ([{"a": 1}], [("0.a", "1")]),
    ],
)
def test_leaves_have_the_path_to_them(value, leaves):
    assert [*flatten(value)] == leaves


def test_a_value_that_holds_itself_is_flattened_to_a_hundred_levels():
    inner = value = []
    for _ in range(99):
        inner.append([])
        inner = inner[0]
    path = ".".join(["0"] * 99)
    assert [*flatten(value)] == [(path, "[]")]
    inner.append(1)
    assert [*flatten(value)] == [(f"{path}.0", '"nested too deeply to be read"')]
    assert [*flatten(1, "a", 99)] == [("a", "1")]
