"""A fuzzer of access logs: every engine against the exact one, on formats and lines drawn from a seed.

It runs as long as WATCHME_FUZZ_SECONDS says, from the seed WATCHME_FUZZ_SEED.
What it finds is printed with the seed and as few lines as show it; put those into ``access_corpus.jsonl``.
"""

import json
import random
from pathlib import Path

import pytest
from worlds.access_fuzz import (
    SECONDS,
    SEED,
    differences,
    rounds,
    rounds_for,
    selections,
    smallest,
)

from watchme_analysis.access_logs.engine.chunk import Selection
from watchme_analysis.access_logs.formats.apache import compile_apache
from watchme_analysis.access_logs.formats.json_log import unescape
from watchme_analysis.access_logs.formats.log_format import compile_format
from watchme_analysis.files.lines import decoded

CORPUS = [
    json.loads(line) for line in Path(__file__).with_name("access_corpus.jsonl").read_text().splitlines()
]


@pytest.mark.fuzz
def test_the_engines_agree_on_whatever_is_drawn():
    print(f"WATCHME_FUZZ_SEED={SEED}, {SECONDS} s")
    chance = random.Random(SEED)
    for turn, (formats, data) in zip(rounds_for(SECONDS), rounds(SEED), strict=False):
        selection, decode = selections(chance)
        found = differences(formats, data, selection, decode)
        if found:
            shown = smallest(formats, data, selection, decode)
            known = [{"format": one.text, "escape": one.escape} for one in formats]
            pytest.fail(
                f"WATCHME_FUZZ_SEED={SEED}, round {turn}: {found[:3]}\nformats {json.dumps(known)}\n"
                f"lines {json.dumps(shown.decode('latin-1'))}\n{selection}, decode={decode}"
            )


@pytest.mark.parametrize("decode", [False, True], ids=["as logged", "decoded"])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["about"])
def test_what_was_found_once_stays_mended(case, decode):
    known = [
        compile_apache(text) if escape == "apache" else compile_format(text, escape)
        for text, escape in case["formats"]
    ]

    selection = Selection(tuple(case["columns"])) if "columns" in case else None

    assert differences(known, case["lines"].encode("latin-1"), selection, decode) == []


@pytest.mark.fuzz
def test_a_plain_pattern_matches_a_line_as_the_exact_pattern_does_or_not_at_all():
    print(f"WATCHME_FUZZ_SEED={SEED}, {SECONDS / 2} s")
    matched = 0
    for _, (formats, data) in zip(rounds_for(SECONDS / 2), rounds(SEED), strict=False):
        for log_format, line in ((log_format, line) for line in data.split(b"\n") for log_format in formats):
            plain = log_format.plain_values(line)
            if plain is None:
                continue
            matched += 1
            exact = log_format.match(line)
            assert exact is not None, (log_format.text, line)
            convert = unescape if log_format.escape == "json" else decoded
            texts = [convert(value) for value in exact]
            assert list(plain) == [None if text in ("", "-") else text for text in texts], line
    assert matched
