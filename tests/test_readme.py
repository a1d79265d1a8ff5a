"""The README's commands, as they stand."""

import re
import shlex
from pathlib import Path

import pytest
from worlds.aws_examples import account_of_examples

from watchme_analysis.report.request import plan

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "guide.md").read_text()


def block(marker):
    found = re.search(rf"<!-- {marker} -->\n```sh\n(.*?)```", README, re.DOTALL)
    return [line.split(" #")[0].strip() for line in found.group(1).splitlines()]


def test_ci_runs_the_two_commands():
    assert block("set-up") == ["python3 tasks.py report", "python3 tasks.py test"]
    assert "<!-- set-up -->" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.slow
def test_the_first_round_works_in_a_clone(watchme, tmp_path):
    """The report itself is not written once more: CI writes those of all bundled cases."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    programs, *commands = zip(*(command.split(maxsplit=1) for command in block("runs")), strict=True)
    assert programs == (".venv/bin/watchme",) * 4
    *run, report = (shlex.split(words) for words in commands[0])
    for words in run:
        done = watchme(*words, cwd=tmp_path)
        assert done.returncode == 0, f"{words}\n{done.stderr}"
    assert report[0] == "report"
    question, case = report[1:]
    assert plan(question, [tmp_path / case], {})


@pytest.mark.slow
def test_the_answer_shown_is_the_answer_given(watchme):
    """Word for word; numbers may move with the weights."""
    shown = re.search(r"```\n(/health timed out.*?)```", GUIDE, re.DOTALL).group(1)
    given = watchme("diagnose", "health", "data/health-threadpool", cwd=ROOT).stdout
    sentences = [numberless(one) for one in re.split(r"\n+(?=\d\. |- )|\n\n", shown.strip())]
    assert [sentence for sentence in sentences if sentence not in numberless(given)] == []


def numberless(text):
    """Return a text on one line: the age of the data, and so where lines end, depends on the day."""
    return re.sub(r"[\d.,]*\d", "0", " ".join(text.split()))


@pytest.mark.slow
def test_the_python_shown_runs(tmp_path, monkeypatch, capsys):
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(re.search(r"<!-- python -->\n```python\n(.*?)```", GUIDE, re.DOTALL).group(1), names)
    assert capsys.readouterr().out.startswith("supported app_threadpool 0.")


@pytest.mark.slow
def test_the_four_calls_of_the_first_screen_run_as_they_stand(front, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    account_of_examples(front, tmp_path, monkeypatch)
    text = re.search(r"<!-- frames -->\n```python\n(.*?)```", README, re.DOTALL).group(1)
    names = {}
    exec(text.replace("/var/log/nginx", str(tmp_path)), names)
    times = names["errors"]["@timestamp"], names["age"].time, names["requests"].time
    assert {str(column.dtype) for column in times} == {"datetime64[us, UTC]"}
    assert "ERROR" in names["errors"]["@message"][0]
    assert names["age"].value.max() == 59
    assert names["requests"].path.tolist() == ["/health"]
    assert names["how"].rows == 1


def test_both_languages_show_the_same_commands_and_code():
    for name, at_least in (("README", 4), ("docs/runbook", 7)):
        texts = [(ROOT / f"{name}{language}.md").read_text() for language in ("", ".ja")]
        found = [re.findall(r"```(?:sh|python)\n(.*?)```", text, re.DOTALL) for text in texts]
        english, translated = ([_without_comments(block) for block in blocks] for blocks in found)
        assert english == translated
        assert len(english) >= at_least


def _without_comments(block):
    return [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]


def test_links_lead_somewhere(subtests):
    for target in sorted(set(re.findall(r"\]\(([^)#]+)\)", README))):
        with subtests.test(target=target):
            assert (ROOT / target).exists()


def test_the_readme_has_at_most_twelve_links():
    for name in ("README.md", "README.ja.md"):
        assert len(re.findall(r"(?<!!)\[[^\]]*\]\(", (ROOT / name).read_text())) <= 12, name
