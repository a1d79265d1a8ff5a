from worlds.together import together

from watchme_analysis.text.suggestions import nearest

COMMANDS = ["import", "case", "diagnose", "report", "query", "redrive"]


@together(
    ("word", "meant"),
    [
        ("diagnoze", "diagnose"),
        ("daignose", "diagnose"),
        ("reprot", "report"),
        ("cas", "case"),
        ("weather", None),
        ("diagnostics", None),
        ("case", None),
        ("", None),
        ("x" * 5000, None),
    ],
)
def test_the_nearest_word_is_found_unless_all_are_far(word, meant):
    assert nearest(word, COMMANDS) == meant
