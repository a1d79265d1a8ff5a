"""The package holds no facts about one team: those of the bundled cases stand in watchme.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "watchme_analysis"
# What users read: there, the unit of the work is a value, not a word.
SENTENCES = [
    *PACKAGE.rglob("*.ftl"), *PACKAGE.glob("*/causes/*.toml"), *PACKAGE.rglob("*.j2"),
    *PACKAGE.glob("log_messages/known/*.toml"),
]  # fmt: skip
SOURCES = [path for ending in ("py", "yaml", "toml", "json") for path in PACKAGE.rglob(f"*.{ending}")]
# Facts that no file of settings states: a path of the API, the pattern of its log groups, a unit of its work.
OTHERS = ["async-process", "*worker*", "device-day", "device day", "team.yaml", "録音", "watchme-audio"]
# The Japanese description of a query is a sentence: an ordinary word in it is no word of a team's logs.
JAPANESE_DESCRIPTION = re.compile(r"\bdescription_ja: .*")


def settings():
    """Return the settings of the team whose incidents are bundled.

    The second example is made up, and the package's own examples are about orders as well.
    """
    return [tomllib.loads((ROOT / "watchme.toml").read_text(encoding="utf-8"))]


def names():
    """Return the names in the settings and the bundled cases: keys, zone, words of logs, and resources."""
    found = set(OTHERS)
    for stated in settings():
        work = stated["work_items"]
        found |= {key for name in ("item_keys", "time_keys", "day_keys") for key in work.get(name, ())}
        found |= {word for words in stated.get("log_words", {}).values() for word in words if len(word) > 1}
        found |= {stated.get("time_zone", "UTC")} - {"UTC"}
    # Names of one word, such as uploads, are no fact.
    resources = {path.name.partition(".")[0] for path in ROOT.glob("data/backlog-*/[qf]*s/*.json*")}
    return sorted(
        found | {re.sub(r"-(messages|mappings|concurrency)$", "", one) for one in resources if "-" in one}
    )


def found_in(paths, facts):
    """Return place and text of each line that states a fact, as a word of its own."""
    pattern = re.compile("|".join(rf"(?<![A-Za-z0-9]){re.escape(fact)}(?![A-Za-z0-9])" for fact in facts))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in texts.items()
        # To look for the facts as they are is quicker than the pattern, and few files and lines hold any.
        if any(fact in text for fact in facts)
        for number, line in enumerate(text.splitlines(), 1)
        if any(fact in line for fact in facts) and pattern.search(JAPANESE_DESCRIPTION.sub("", line))
    ]


def test_the_facts_are_those_of_the_examples():
    assert {"device_id", "recorded_at", "Asia/Tokyo", "エラー", "asr-queue", "asr-worker"} <= set(names())
    assert len(SENTENCES) > 30 and len(SOURCES) > 300


@pytest.mark.parametrize(
    "line", ['keys = ("device_id",)', "# 例: エラー", "in Asia/Tokyo", 'x == "*worker*"']
)
def test_a_fact_is_found(tmp_path, line):
    path = ROOT / "tests" / "test_team_facts.py"
    assert any(line[:4] in one for one in found_in([path], names()))


@pytest.mark.slow
def test_the_code_states_none_of_them():
    japanese = re.compile(r"[ぁ-んァ-ン一-龥]")
    # Sentences in Japanese have a right to its words.
    plain = [one for one in names() if not japanese.search(one)]
    code = [path for path in SOURCES if path not in SENTENCES]
    assert found_in(code, names()) == []
    assert found_in(SENTENCES, [*plain, "録音"]) == []


def test_no_sentence_has_the_unit_of_one_team():
    units = {word for stated in settings() for word in stated["work_items"]["unit"].values()}
    assert {"device", "デバイス"} <= units
    # Programs have words of their own in their messages.
    usual = ("width=device-width", "left on device", "CUDA-capable device", "I/O error, dev {device}")
    assert [
        one
        for one in found_in(SENTENCES, [*units, *(f"{unit}s" for unit in units)])
        if not any(word in one for word in usual)
    ] == []
