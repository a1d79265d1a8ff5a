"""Tables and figures of simulated measures by cells, points and colours, and the numbers behind them."""

from types import SimpleNamespace

from worlds.together import together

from watchme_analysis.simulation import figures
from watchme_analysis.simulation.scenarios import (
    Comparison,
    Estimate,
    Load,
    Scenario,
)
from watchme_analysis.simulation.settings import (
    Outcome,
    Settings,
)
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import label

NOTHING = dict.fromkeys(Outcome.__dataclass_fields__, 0) | {"drained_s": 1.0, "series": (), "done_s": ()}


def row(name, *outcomes):
    """Return the comparison of a measure with these outcomes; what is not named is 0."""
    measure = message("value", value=Resource(name))
    return Comparison(
        Scenario(measure, Settings(), Load((1.0,))),
        tuple(Outcome(**NOTHING | outcome) for outcome in outcomes),
    )


def test_measures_are_rows_of_means_after_the_record():
    recorded = SimpleNamespace(dead_lettered=12.0, peak_age_s=90.0, peak_visible=None)
    outcome = {"dead_lettered": 4, "peak_age_s": 600.0, "behind_s": 120.0}
    drained = row("as is", outcome, outcome)
    left = row("worse", {"duplicates": 7, "behind_s": 60.0}, {"duplicates": 7, "drained_s": None})
    first, second, third = figures.measures_rows([drained, left], recorded)
    # Columns: DLQ, never failed, lost, duplicates, backlog, oldest in minutes, drained after minutes.
    assert first == (label("measures-recorded", "en"), "12", "–", "–", "–", "–", "1.5", "–")
    assert second == ("as is", "4", "0", "0", "0", "0", "10", "2.0")
    assert third == ("worse", "0", "0", "0", "7", "0", "0.0", label("measures-not-drained", "en"))
    assert figures.measures_rows([drained], None) == [second]
    table = figures.measures_table([drained, left], recorded)
    assert table.rows == (first, second, third)
    names = (
        "measure", "in-dlq", "never-failed", "work-lost", "done-twice", "peak-backlog", "oldest-min",
        "drain-min",
    )  # fmt: skip
    assert table.heads == tuple(label(f"column-{name}", "en") for name in names)
    assert table.numeric == set(range(1, 8)) and table.caption == label("measures-caption", "en")
    assert label("measures-note", "en") in table.note
    assert figures.measures_table([]).note.startswith(label("measures-runs", "en", count=0))


@together(
    ("found", "unit", "text"),
    [
        (Estimate(None, None, 0), 1.0, "none"),
        (Estimate(9.94, None, 1), 1.0, "10"),
        (Estimate(9.5 * 60, 0.0, 2), 60.0, "9.5"),
        (Estimate(10.0 * 60, 0.0, 2), 60.0, "10"),
        (Estimate(5.0, 1.0, 2), 1.0, "5 ± 1"),
        (Estimate(5.0, 0.99, 2), 1.0, "5.0 ± 1.0"),
        (Estimate(5.0, 0.01, 2), 1.0, "5.0 ± <0.1"),
        (Estimate(1234.0, 12.0, 2), 1.0, "1,234 ± 12"),
    ],
)
def test_an_estimate_has_as_many_decimals_as_its_interval(found, unit, text):
    assert found.text(unit) == text
