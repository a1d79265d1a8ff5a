import pytest

from watchme_analysis.present.text_table import fit_table

HEADER = ("queue", "function", "late by minutes", "note")
ROWS = [
    ("uploads", "worker", "1,234", "rang"),
    ("uploads", "worker", "5", "-"),
    ("mail", "sender", "60", "-"),
]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (
            80,
            """\
queue    function  late by minutes  note
uploads  worker              1,234  rang
uploads  worker                  5  -
mail     sender                 60  -""",
        ),
        (
            36,
            """\
                   late by
queue    function  minutes  note
uploads  worker      1,234  rang
uploads  worker          5  -
mail     sender         60  -""",
        ),
        (
            20,
            """\
queue  function
  late by
  minutes  note
uploads  worker
    1,234  rang
        5  -
mail  sender
       60  -""",
        ),
    ],
)
def test_a_table_gives_way_to_the_terminal_in_steps(columns, shown, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert fit_table(HEADER, ROWS, (3,), titles=2) == shown


def test_a_title_wider_than_the_terminal_is_wrapped(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    rows = [("ten times the load with all measures", "1")]
    assert fit_table(("measure", "lost"), rows) == (
        "measure\n  lost\nten times the load\n    with all\n    measures\n     1"
    )


def test_japanese_takes_two_columns_a_character():
    lines = fit_table(["file", "rows"], [["生ログ.log", "12"], ["access.log", "3"]]).splitlines()
    assert lines == ["file        rows", "生ログ.log    12", "access.log     3"]
