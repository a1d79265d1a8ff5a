from worlds.together import together

from watchme_analysis.text.suggestions import edit_count, nearest

COMMANDS = ["import", "case", "diagnose", "report", "query", "redrive"]


@together(
    ("first", "second", "edits"),
    [
        ("", "", 0),
        ("case", "case", 0),
        ("", "case", 4),
        ("case", "", 4),
        ("cse", "case", 1),
        ("casse", "case", 1),
        ("cose", "case", 1),
        ("csae", "case", 1),
        ("ca", "abc", 3),
        ("diagnoze", "diagnose", 1),
        ("kitten", "sitting", 3),
    ],
)
def test_edits_are_counted(first, second, edits):
    assert edit_count(first, second) == edits
    assert edit_count(second, first) == edits


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


def test_the_first_of_equally_near_words_is_returned_and_the_limit_holds():
    assert nearest("cat", ["cut", "car"]) == "cut"
    assert nearest("last-nihgts", ["last-night"], most_edits=1) is None
    assert nearest("last-nihgts", ["last-night"], most_edits=2) == "last-night"
