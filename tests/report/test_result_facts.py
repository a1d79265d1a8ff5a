"""Facts of a stored result: causes, reasons, times, impact, and what changed since the earlier run."""

from datetime import UTC, datetime

from watchme_analysis.inference.findings import fact, state_fact
from watchme_analysis.present.short_answer import Answer
from watchme_analysis.report.summary import change_since, facts, language_of
from watchme_analysis.text.message import Resource, message
from watchme_analysis.text.render import label, render


def evidence(weight, **more):
    return {"statement": f"said {weight}", "weight": weight, "table": "probes", "rows": 7, **more}


def stored(one):
    said = {"message": render(one.message), "message_message": one.message.to_dict()}
    return {"id": one.id, "value": one.value, **said}


WAITING = fact("waiting_now", 5)
FOUND = {
    "question": "health", "verdict": "supported", "cause": "app_threadpool", "confidence": 0.876,
    "headline": "It fails.", "facts": [stored(WAITING)], "cause_line": "Cause found.",
    "now": [{"text": "Restart it."}], "reasons": [evidence(3.0), evidence(2.0)],
}  # fmt: skip
RESULT = {
    "question": "health", "case": "c", "status": "ok", "diagnosis": FOUND, "seconds": 65.0,
    "window": {"start": "2026-03-02T03:00:00+00:00", "end": "2026-03-02T05:30:00+00:00"},
    "parameters": {"language": "en", "timezone": "Asia/Tokyo"}, "started_at": "2026-03-02T06:00:00+00:00",
}  # fmt: skip


def test_facts_are_in_the_language_and_the_zone_of_the_report():
    shown = facts(RESULT)
    assert (shown.question, shown.case, shown.title, shown.mark) == ("health", "c", "c", "supported")
    assert shown.answer == Answer(
        "It fails.",
        (("Waiting messages", "5"),),
        (("Waiting messages", "5"),),
        "Cause found.",
        ("Restart it.",),
        tuple((f"said {weight}", "probes, 7 rows") for weight in (3.0, 2.0)),
    )
    assert "12:00 " in shown.window and "14:30 " in shown.window and "15:00 " in shown.made
    assert (shown.seconds, shown.error, shown.headline) == ("65 s", "", "It fails.")
    assert shown.track_record
    assert facts(RESULT | {"title": "t"}).title == "t"
    (fact_in_japanese,) = facts(RESULT, "ja").answer.facts
    assert ": ".join(fact_in_japanese) == render(WAITING.message, "ja")
    assert [language_of({"parameters": {"language": name}}) for name in ("ja", "fr")] == ["ja", "en"]


def test_the_colour_of_a_page_is_the_state_of_the_incident():
    for state in ("open", "ended"):
        stated = stored(state_fact(state, datetime(2026, 3, 2, tzinfo=UTC)))
        shown = facts(RESULT | {"diagnosis": FOUND | {"facts": [stated]}})
        assert (shown.mark, shown.verdict) == (state, label("verdict-name-supported", "en"))


def test_a_later_run_is_compared_with_the_earlier_one():
    def changed(**changes):
        return change_since(RESULT | {"diagnosis": FOUND | changes}, RESULT, "en")

    assert changed() == label("index-unchanged", "en")
    assert changed(verdict="no_incident") == render(
        message("index-verdict-was", before=Resource(label("verdict-name-no-incident", "en")))
    )
    other = changed(cause="edge_config", cause_line="Cause: edge.")
    assert other == render(message("index-cause-was", before=Resource("Cause: edge.")))
    fewer = changed(facts=[stored(fact("waiting_now", 4))])
    assert fewer == render(message("index-facts-were", before=Resource("Waiting messages: 4")))
    # A figure that was unknown is not named as one that has changed.
    assert changed(facts=[stored(fact("waiting_now", None))]) == label("index-unchanged", "en")
    assert change_since(None, RESULT, "en") == ""
    assert change_since(RESULT | {"status": "failed"}, RESULT, "en") == ""
    assert change_since(RESULT, RESULT | {"diagnosis": None}, "en") == ""
