"""Sentences and tables as Markdown, also with hostile text."""

from worlds.together import together

from watchme_analysis.present.display import TableView
from watchme_analysis.present.markdown import markdown_block, markdown_rows, markdown_table, markdown_text


@together(
    ("text", "shown"),
    [
        ("plain: 5 of 7 (100%)", "plain: 5 of 7 (100%)"),
        ("run `a_b | c`", r"run a\_b \| c"),
        ("run `a_b`", "run `a_b`"),
        ("<img src=x onerror=y>", r"\<img src=x onerror=y\>"),
        ("[a](javascript:b) ![c](d)", r"\[a\](javascript:b) \!\[c\](d)"),
        ("see https://evil.example.com", r"see https\://evil.example.com"),
        ("# head\n- item", r"\# head - item"),
        ("a | b", r"a \| b"),
        ("@team fix #12", r"\@team fix \#12"),
        ("back\\slash and ` alone", r"back\\slash and \` alone"),
        ("password=hunter2", "password=\\*\\*\\*"),
    ],
)
def test_a_sentence_is_one_line_that_formats_nothing(text, shown):
    assert markdown_text(text) == shown


def test_a_fence_is_longer_than_any_in_the_code():
    assert markdown_block("a\n```\nb", "sql") == "````sql\na\n```\nb\n````"
    assert markdown_block("select 1\n") == "```\nselect 1\n```"


def test_a_table_has_a_line_for_each_row_and_its_note():
    assert markdown_rows(["a", "b"], [["1", "x|y"]]).splitlines() == [
        "| a | b |",
        "| --- | --- |",
        r"| 1 | x\|y |",
    ]
    view = TableView("caption", ("a",), (("1",), ("2\n3",)), "note")
    assert markdown_table(view).split("\n\n") == ["**caption**", "| a |\n| --- |\n| 1 |\n| 2 3 |", "note"]
    assert markdown_table(TableView("caption", ("a",), (), "nothing")) == "nothing"
