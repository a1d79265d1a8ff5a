"""Cause files: how they are read, and what is wrong with a file in one sentence."""

import pytest

from watchme_analysis.errors import InputError
from watchme_analysis.inference import causes as module
from watchme_analysis.inference.signals import Signal
from watchme_analysis.text.render import placeholders, render

VALID = {
    "a": """
title = "A title"
name = "the first cause"
layer = "nginx"
order = 2
page = "a.md"
next_test = "Look."
blind_spots = ["the dark"]
[needs]
probes = "something"
[grades]
seen = "-strong"  # It is never seen.
""",
    "b": """
title = "Another title"
name = "the second cause"
layer = "edge"
order = 1
prior = -1.4
page = "b.md"
next_test = "Look again."
follows = ["a"]
[grades]
seen = "decisive"  # It is always seen.
""",
    "z": """
title = "None of these"
name = "none"
layer = "none"
complement = true
next_test = "Wait."
""",
}
SIGNALS = {name: Signal(name, "group", ()) for name in ("seen", "measured")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in VALID.items():
        (tmp_path / f"{name}.toml").write_text(text)
    monkeypatch.setattr(module, "cause_folder", lambda question: tmp_path)
    clear()
    yield tmp_path
    clear()


def clear():
    for cached in (module.causes, module.layer_grades, module.explained, module.saves):
        cached.cache_clear()


def test_files_become_causes_in_their_order_with_the_complement_last(folder):
    found = module.load_causes("health", SIGNALS)
    assert [one.cause for one in found] == ["b", "a", "z"]
    second, first, none = found
    assert (first.log_odds("seen"), second.log_odds("seen"), none.log_odds("seen")) == (-2.5, 4.0, 0.0)
    assert (second.prior, first.prior) == (-1.4, 0.0)
    assert first.needs == {"probes": "something"}
    assert first.cannot_see == ("the dark",)
    assert second.follows == ("a",)
    assert none.complement
    assert none.page is None


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("a", ('seen = "-strong"', 'seen = "huge"'), "gives the signal 'seen' the grade 'huge'"),
        ("a", ("seen = ", "unheard = "), "refers to the signal 'unheard'"),
        ("a", ("probes =", "dreams ="), "refers to the table 'dreams'"),
        ("a", ('page = "a.md"', ""), "lacks 'page'"),
        ("a", ('title = "A title"', ""), "lacks 'title'"),
        ("a", ("order = 2", "odour = 2"), "has the unknown key 'odour'"),
        ("a", ('layer = "nginx"', 'layer = "moon"'), "has the unknown layer 'moon'"),
        ("a", ("order = 2", "order = "), "is not valid TOML"),
        ("b", ('follows = ["a"]', 'follows = ["y"]'), "names the cause 'y'"),
        ("a", ("[needs]", 'ja = "no"\n[needs]'), "in the table [ja]"),
        ("a", ("[needs]", "[ja]\nlook = 1\n[needs]"), "[ja], has the unknown key 'look'"),
        ("a", ("[needs]", '[ja]\nblind_spots = ["1", "2"]\n[needs]'), "has 1 blind_spots, but 2 of them"),
    ],
)
def test_a_file_with_a_mistake_is_named_in_one_sentence(folder, file, change, message):
    path = folder / f"{file}.toml"
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(InputError) as error:
        module.load_causes("health", SIGNALS)
    said = str(error.value)
    assert said.startswith(f"The cause file health/causes/{file}.toml")
    assert message in said
    assert "\n" not in said.strip()


REMEDY = """
[[remedies]]
signal = "seen"
restore = "Move {address} back, then run `curl -w '%{time_total}'`."
ja.restore = "{address} を戻し、`curl -w '%{time_total}'` を実行してください。"
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('restore = "Move', 'words = "Move'), "in a remedy, lacks 'restore'"),
        (('signal = "seen"', ""), "in a remedy, lacks 'signal'"),
        (('signal = "seen"', 'signal = "seen"\nwhere = "there"'), "in a remedy, has the unknown key 'where'"),
        (
            ('ja.restore = "{address}', 'ja.restore = "{usual}'),
            "has a remedy for 'seen' with other values in Japanese",
        ),
        (('signal = "seen"', 'signal = "seen"\nsave = "all"'), "has the unknown save 'all'"),
        (('signal = "seen"', 'signal = "unheard"'), "refers to the signal 'unheard'"),
    ],
)
def test_a_mistake_in_a_remedy_is_named_in_one_sentence(folder, change, message):
    (folder / "b.toml").write_text(VALID["b"] + REMEDY)
    remedy = module.load_causes("health", SIGNALS)[0].remedies[0]
    assert remedy.signal == "seen"
    assert "{address} を戻し" in render(remedy.text, "ja")
    assert placeholders(render(remedy.text)) == {"address"}
    module.causes.cache_clear()
    (folder / "b.toml").write_text(VALID["b"] + REMEDY.replace(*change))
    with pytest.raises(InputError, match=r"^The cause file health/causes/b.toml.*" + message):
        module.load_causes("health", SIGNALS)


def test_a_layer_shares_its_grades_among_its_causes(folder):
    (folder / "_layers.toml").write_text(
        '[grades]\nmeasured = { edge = "fair", nginx = "-weak" }\nseen = { edge = "weak" }\n'
    )
    (folder / "c.toml").write_text(VALID["b"].replace("prior = -1.4", "prior = 0.5").replace("order = 1", ""))
    _, second, first, _ = found = module.load_causes("health", SIGNALS)
    assert [one.cause for one in found] == ["c", "b", "a", "z"]
    assert (second.log_odds("measured"), first.log_odds("measured")) == (1.5, -0.7)
    assert second.log_odds("seen") == 4.0  # a cause's own grade prevails
    (folder / "_layers.toml").write_text('[grades]\nseen = { moon = "weak" }\n')
    clear()
    with pytest.raises(InputError, match=r"_layers.toml has the unknown layer 'moon'"):
        module.causes("health")


def test_japanese_texts_stand_beside_the_english_ones(folder):
    ja = """
[ja]
title = "題"
blind_spots = ["闇"]
needs = {probes = "何か"}
next_tests = {seen = "数える"}
"""
    with (folder / "a.toml").open("a") as file:
        file.write('[next_tests]\nseen = "Count."\n' + ja)
    _, first, _ = module.load_causes("health", SIGNALS)
    texts = (
        first.title,
        first.cannot_see[0],
        first.needs["probes"],
        first.next_tests["seen"],
    )
    assert [render(text, "ja") for text in texts] == ["題", "闇", "何か", "数える"]
    assert [render(text) for text in texts] == [
        "A title",
        "the dark",
        "something",
        "Count.",
    ]
    assert first.name == "the first cause"  # not translated


def test_signals_that_explain_others_are_checked_as_well(folder):
    (folder / "_explained.toml").write_text(
        '[groups]\nboth = ["seen", "measured"]\n[explains]\nseen = ["measured"]\nmeasured = ["both"]\n'
    )
    module.load_causes("health", SIGNALS)
    assert module.explained("health") == {"seen": ("measured",), "measured": ("seen", "measured")}
    clear()
    (folder / "_explained.toml").write_text('[explains]\nseen = ["unheard"]\n')
    with pytest.raises(InputError, match=r"_explained.toml refers to the signal 'unheard'"):
        module.load_causes("health", SIGNALS)
