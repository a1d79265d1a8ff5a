import re
from pathlib import Path

from click import Context

from watchme_analysis.cli import cli
from watchme_analysis.report.cause_page import remedy_page, steps
from watchme_analysis.services.diagnose import QUESTIONS, causes_of

PAGES = Path(__file__).resolve().parent.parent / "docs" / "causes"
HEADINGS = ["What it looks like", "Confirm", "Fix", "Prevent"]
CAUSES = [entry.cause for question in QUESTIONS for entry in causes_of(question)]
NAMED = [cause for cause in CAUSES if cause != "none"]


def test_every_cause_has_a_page_for_the_person_on_call(subtests):
    for cause in NAMED:
        with subtests.test(cause=cause):
            text = (PAGES / f"{cause}.md").read_text(encoding="utf-8")
            assert text.startswith(f"# {cause}: ")
            assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
            confirm = text.partition("## Confirm")[2].partition("## Fix")[0]
            assert "```sh" in confirm
            assert f"[{cause}]({cause}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")


def test_there_is_no_page_without_a_cause_and_no_link_into_nothing():
    pages = {path.name for path in PAGES.glob("*.md")}
    assert pages == {f"{cause}.md" for cause in NAMED} | {"README.md"}
    for page in PAGES.glob("*.md"):
        links = set(re.findall(r"\]\((\w+\.md)\)", page.read_text(encoding="utf-8")))
        assert links <= pages, page.name


def test_the_pages_name_commands_that_there_are():
    commands = set(cli.list_commands(Context(cli)))
    for page in PAGES.glob("*.md"):
        blocks = re.findall(r"`[^`]+`|```.*?```", page.read_text(encoding="utf-8"), re.DOTALL)
        named = {name for block in blocks for name in re.findall(r"\bwatchme ([a-z-]+)", block)}
        assert named <= commands, page.name


def test_what_to_do_stands_alone_in_a_report(subtests):
    for cause in NAMED:
        with subtests.test(cause=cause):
            found = {"verdict": "supported", "cause": cause, "secondary_cause": "downstream_saturated"}
            found["question"] = next(
                name for name in QUESTIONS if cause in [one.cause for one in causes_of(name)]
            )
            (page,) = remedy_page(found).values()
            told = steps(page)
            assert re.findall(r"^\*\*(.+)\*\*$", told, re.MULTILINE) == HEADINGS[1:]
            assert not re.search(r"^## |\]\(\w+\.md\)", told, re.MULTILINE)


def test_only_a_supported_cause_is_told_how_to_mend():
    found = {"question": "backlog", "cause": "throttled", "secondary_cause": "mapping_disabled"}
    assert list(remedy_page(found | {"verdict": "supported"})) == ["throttled", "mapping_disabled"]
    assert remedy_page(found | {"verdict": "inconclusive"}) == {}
    assert remedy_page(None) == {}
