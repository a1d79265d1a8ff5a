"""Every public object shows itself in one line, and in a notebook as the answer or a table."""

import pytest

import watchme_analysis as w
from watchme_analysis.text.render import render

PASTED = "2026/03/04 05:06:07 [alert] 31#31: 1024 worker_connections are not enough"


@pytest.mark.slow
def test_the_repr_of_every_object_is_one_short_line(shorter, data):
    found, page = w.diagnose("backlog", shorter), w.open_backlog(case=str(shorter.path))
    window, explained = shorter.window, w.explain(PASTED)
    entry = found.ranking[0]
    objects = [
        found, *found.facts, *found.now, *found.reasons, entry, entry.finding, *found.missing_evidence,
        shorter, page, page.investigation, *(section for section in page.sections.values()), page.balance(),
        page.timeline(), page.verdict(), page.findings(), page.conclusion(), page.console(),
        w.open_alarms(case=str(shorter.path)), w.open_what_if(case=str(shorter.path)), window, explained,
        *explained.kinds, w.plan_redrive(shorter), w.load_config(), w.Aws(),
        w.connect(), w.Metric("AWS/SQS", "x", {"QueueName": "q" * 300}, "Sum"), w.Expression("m1 / " * 99),
        w.InsightsQuery("fields @message\n" * 99, ("/aws/lambda/x",) * 9, window),
        w.read_access_logs(data / "health-threadpool")[1],
    ]  # fmt: skip
    for shown in map(repr, objects):
        assert len(shown) <= 200 and "\n" not in shown and " at 0x" not in shown, shown


@pytest.mark.slow
def test_a_diagnosis_has_its_answer_in_parts_and_as_text(shorter):
    found = w.diagnose("backlog", shorter)
    text, html = " ".join(found.text().split()), found._repr_html_()
    assert str(found) == found.text("en") and found.text("ja") != found.text("en")
    # Zeros are left out.
    facts = [one.message for one in found.facts if one.id in ("affected_resource", "failed_invocations")]
    for fact in facts:
        assert " ".join(render(fact).replace(":", "").split()) in text
    # Of 25 lines, the first step has its own in any case.
    for said in (found.headline, found.cause_line, found.now[0].text):
        assert " ".join(render(said).split()) in text
    now = [step for step in found.now if not step.later]
    assert html.count("<li>") == len(now) + len(found.reasons)
    assert "<table" in w.plan_redrive(shorter)._repr_html_() and "<table" in shorter._repr_html_()
