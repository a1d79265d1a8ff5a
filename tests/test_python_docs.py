"""The examples of docs/python.md run as they stand, and show every public name."""

import doctest
import re
from pathlib import Path

import pytest
from worlds.aws_examples import account_of_examples

import watchme_analysis

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "python.md"
# A fence ends a block, and no line of an answer.
EXAMPLES = doctest.DocTestParser().get_examples(re.sub(r"^```.*$", "", PAGE.read_text(), flags=re.MULTILINE))


@pytest.mark.slow
def test_every_example_runs(front, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    account_of_examples(front, tmp_path, monkeypatch)
    reported = []
    test = doctest.DocTest(EXAMPLES, {}, PAGE.name, str(PAGE), 0, None)
    result = doctest.DocTestRunner(verbose=False).run(test, out=reported.append)
    assert result.failed == 0, "".join(reported)


def test_every_public_name_is_in_an_example():
    code = "".join(example.source for example in EXAMPLES)
    named = set(re.findall(r"\bw\.(\w+)", code))
    assert set(dir(watchme_analysis)) - named == {"Connection"}
    methods = {name for name in vars(watchme_analysis.Connection) if not name.startswith("_")}
    fields = set(watchme_analysis.Connection.__dataclass_fields__)
    assert methods - fields - set(re.findall(r"\baws\.(\w+)\(", code)) == set()
