import re
from itertools import product
from pathlib import Path

from click import Context

from watchme_analysis.cli import cli
from watchme_analysis.health.running_platform import commands
from watchme_analysis.inference.causes import causes
from watchme_analysis.report.cause_page import remedy_page, steps
from watchme_analysis.services.diagnose import QUESTIONS
from watchme_analysis.text.render import filled, render

PAGES = Path(__file__).resolve().parent.parent / "docs" / "causes"
HEADINGS = {
    "en": ["What it looks like", "Confirm", "Fix", "Prevent"],
    "ja": ["症状", "確認", "対処", "予防"],
}
ENDINGS = {"en": ".md", "ja": ".ja.md"}
FENCE = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CAUSES = [entry.cause for question in QUESTIONS for entry in causes(question)]
NAMED = [cause for cause in CAUSES if cause != "none"]


def linked(text):
    return set(re.findall(r"\]\((\w+)\.(?:ja\.)?md\)", text))


def named(text):
    return {" ".join(each.split()) for each in re.findall(r"`([^`]+)`", FENCE.sub("", text))}


def test_every_cause_has_a_page_for_the_person_on_call_in_each_language(subtests):
    for cause, (language, ending) in product(NAMED, ENDINGS.items()):
        with subtests.test(cause=cause, language=language):
            text = (PAGES / f"{cause}{ending}").read_text(encoding="utf-8")
            assert text.startswith(f"# {cause}: ")
            assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS[language]
            assert len(FENCE.findall(re.split(r"^## ", text, flags=re.MULTILINE)[2])) >= 1
            index = (PAGES / f"README{ending}").read_text(encoding="utf-8")
            assert f"[{cause}]({cause}{ending})" in index


def test_a_page_has_the_same_commands_and_links_in_each_language(subtests):
    for cause in NAMED:
        with subtests.test(cause=cause):
            texts = {
                language: (PAGES / f"{cause}{ending}").read_text(encoding="utf-8")
                for language, ending in ENDINGS.items()
            }
            blocks, links, names = (
                {language: find(text) for language, text in texts.items()}
                for find in (FENCE.findall, linked, named)
            )
            assert blocks["ja"] == blocks["en"]
            assert links["ja"] == links["en"]
            assert names["ja"] == names["en"]


def test_there_is_no_page_without_a_cause_and_no_link_into_nothing():
    pages = {path.name for path in PAGES.glob("*.md")}
    assert pages == {f"{name}{ending}" for name in [*NAMED, "README"] for ending in ENDINGS.values()}
    for page in PAGES.glob("*.md"):
        links = set(re.findall(r"\]\(([\w.]+\.md)\)", page.read_text(encoding="utf-8")))
        assert links <= pages, page.name
        assert {link.endswith(".ja.md") for link in links} <= {page.name.endswith(".ja.md")}, page.name


def test_the_pages_name_commands_that_there_are():
    commands = set(cli.list_commands(Context(cli)))
    for page in PAGES.glob("*.md"):
        blocks = re.findall(r"`[^`]+`|```.*?```", page.read_text(encoding="utf-8"), re.DOTALL)
        named = {name for block in blocks for name in re.findall(r"\bwatchme ([a-z-]+)", block)}
        assert named <= commands, page.name


def test_what_to_do_stands_alone_in_a_report(subtests):
    for cause, language in product(NAMED, HEADINGS):
        with subtests.test(cause=cause, language=language):
            found = {"verdict": "supported", "cause": cause, "secondary_cause": "downstream_saturated"}
            found["question"] = next(
                name for name in QUESTIONS if cause in [one.cause for one in causes(name)]
            )
            (page,) = remedy_page(found, language).values()
            reported = steps(page)
            assert re.findall(r"^\*\*(.+)\*\*$", reported, re.MULTILINE) == HEADINGS[language][1:]
            assert not re.search(r"^## |\]\(\w+\.md\)", reported, re.MULTILINE)


def test_only_a_supported_cause_comes_with_its_remedy():
    found = {"question": "backlog", "cause": "throttled", "secondary_cause": "mapping_disabled"}
    assert list(remedy_page(found | {"verdict": "supported"}, "en")) == ["throttled", "mapping_disabled"]
    assert remedy_page(found | {"verdict": "inconclusive"}, "en") == {}
    assert remedy_page(None, "en") == {}


RESTART = re.compile(
    r"docker restart|[Rr]estart the (?:API|container)|then restart|API を再起動し|その後で再起動"
)
SAVED = ("docker logs", "py-spy dump")


def test_evidence_is_saved_before_a_restart_is_advised():
    """Remedies, pages of causes and the runbook: a restart destroys the log and the stacks of the process."""
    root = Path(__file__).resolve().parent.parent
    texts = {}
    for question, language in product(QUESTIONS, ENDINGS):
        for cause in causes(question):
            for place, remedy in enumerate((cause.remedy, *cause.remedies)):
                text = filled(render(remedy.text, language), commands("docker", "api", "api-1"), language)
                texts[f"{cause.cause} {place} {language}"] = text
    for name in ("slow_leak", "app_saturation"):
        for language in ("", ".ja"):
            page = (root / "docs" / "causes" / f"{name}{language}.md").read_text(encoding="utf-8")
            texts[f"{name}{language}.md"] = re.split(r"\n## (?:Fix|修正|対処)\n", page)[1]
    advised = {name: text for name, text in texts.items() if RESTART.search(text)}
    assert len(advised) >= 10
    early = [
        name
        for name, text in advised.items()
        if not all(0 <= text.find(saved) < RESTART.search(text).start() for saved in SAVED)
    ]
    assert early == []
    replaced = {name: text for name, text in texts.items() if "docker compose up -d" in text}
    for path in PAGES.glob("*.md"):
        fix = re.split(r"\n## (?:Fix|対処)\n", path.read_text(encoding="utf-8"))[1:]
        replaced.update((path.name, text) for text in fix if "docker compose up -d" in text)
    assert len(replaced) >= 10
    assert [
        name
        for name, text in replaced.items()
        if not 0 <= text.find("docker logs --t") < text.find("docker compose up -d")
    ] == []
    for language in ("", ".ja"):
        runbook = (root / "docs" / f"runbook{language}.md").read_text(encoding="utf-8")
        assert all(runbook.index(saved) < runbook.index("watchme diagnose health") for saved in SAVED)
