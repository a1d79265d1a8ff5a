"""Facts of a stored result: causes, reasons, times, impact, and what changed since the earlier run."""

from datetime import UTC, datetime

from watchme_analysis.report.summary import change_since, facts, language_of, sentence
from watchme_analysis.text.message import Quotation, Resource, TimeSpan, message
from watchme_analysis.text.render import label, render


def evidence(weight, **more):
    return {"statement": f"said {weight}", "weight": weight, "table": "probes", "rows": 7, **more}


FOUND = {
    "question": "health", "verdict": "supported", "cause": "app_threadpool",
    "secondary_cause": "dependency_slow",
    "other_causes": ["app_threadpool", "unknown_cause"], "confidence": 0.876, "endpoints": ["/health"],
    "incident": {"start": "2026-03-02T04:00:00+00:00", "end": None},
    "summary": ["First.", "Last."],
    "ranking": [
        {"cause": "other", "evidence": [evidence(9.0)]},
        {"cause": "app_threadpool",
         "evidence": [evidence(1.0), evidence(3.0), evidence(-4.0), evidence(0.0), evidence(2.0),
                      evidence(0.5)]},
    ],
}  # fmt: skip
RESULT = {
    "question": "health", "case": "c", "status": "ok", "diagnosis": FOUND, "seconds": 65.0,
    "window": {"start": "2026-03-02T03:00:00+00:00", "end": "2026-03-02T05:30:00+00:00"},
    "parameters": {"language": "en", "timezone": "Asia/Tokyo"}, "started_at": "2026-03-02T06:00:00+00:00",
}  # fmt: skip


def found(**changes):
    return facts(RESULT | {"diagnosis": FOUND | changes})


def test_facts_are_in_the_language_and_the_zone_of_the_report():
    shown = facts(RESULT)
    assert (shown.question, shown.case, shown.title, shown.mark) == ("health", "c", "c", "supported")
    assert len(shown.causes) == 2 and shown.headline == shown.causes[0]
    assert [text for text, _ in shown.reasons] == ["said 3.0", "said 2.0", "said 1.0", "said 0.5"]
    assert "probes" in shown.reasons[0][1] and "7" in shown.reasons[0][1]
    assert (shown.confidence, shown.subject, shown.summary) == ("88%", "/health", ("First.", "Last."))
    assert "2026-03-02 13:00:00" in shown.incident and "Asia/Tokyo" in shown.incident
    assert "12:00:00" in shown.window and "14:30:00" in shown.window and "15:00:00" in shown.made
    assert "1 h 30 min" in shown.duration
    assert (shown.seconds, shown.impact, shown.error) == ("65 s", "", "")
    assert shown.track_record
    assert facts(RESULT | {"title": "t"}).title == "t"
    japanese = facts(RESULT | {"parameters": {"language": "ja"}})
    assert japanese.causes != shown.causes and "13:00:00" not in japanese.incident
    assert [language_of({"parameters": {"language": name}}) for name in ("ja", "fr")] == ["ja", "en"]


def test_a_run_that_failed_or_was_killed_names_no_cause():
    for status, error in (
        ("failed", {"kind": "InputError", "message": "No.", "section": "S"}),
        ("killed", None),
    ):
        shown = facts(RESULT | {"status": status, "error": error, "diagnosis": None, "seconds": None})
        assert (shown.mark, shown.causes, shown.reasons, shown.headline, shown.subject) == (
            status,
            (),
            (),
            "",
            "",
        )
        assert (shown.confidence, shown.seconds, shown.incident, shown.duration) == ("–", "–", "–", "–")
        assert shown.error == (label("report-killed", "en") if error is None else sentence(error))
    assert facts(RESULT | {"status": "failed", "error": "text"}).causes == ()
    assert "S" in sentence(error_of("InputError", section="S"))
    assert (sentence(error_of("InputError")), sentence(error_of("ValueError"))) == ("No.", "ValueError: No.")
    assert (sentence(None), sentence("text")) == ("", "text")


def error_of(kind, **more):
    return {"kind": kind, "message": "No.", **more}


def test_a_headline_says_the_cause_or_that_there_is_no_incident():
    assert found(verdict="no_incident").headline and not found(verdict="no_incident").subject
    assert found(verdict="inconclusive").headline == "" and found(verdict="inconclusive").reasons == ()
    assert facts(RESULT | {"answer": ["Yes."]}).headline == ""
    assert facts(RESULT | {"answer": ["Yes."]}).answer == ("Yes.",)
    queues = found(queues=["q"], functions=["f"], endpoints=[])
    assert queues.subject == "q and f"
    assert found(incident={"start": "2026-03-02T04:00:00+00:00", "end": "2026-03-02T03:00:00+00:00"}).duration
    stored = message("quotation", text=Quotation("x"))
    leading = {"cause": "app_threadpool", "evidence": [evidence(1.0, message=stored.to_dict())]}
    assert found(ranking=[leading]).reasons[0][0] == render(stored)


def test_a_later_run_is_compared_with_the_earlier_one():
    def changed(**changes):
        return change_since(RESULT | {"diagnosis": FOUND | changes}, RESULT, "en")

    same = changed()
    assert same == label("index-unchanged", "en")
    earlier = facts(RESULT | {"diagnosis": FOUND | {"verdict": "no_incident"}})
    assert earlier.verdict in changed(verdict="no_incident")
    other = found(cause="edge_config", secondary_cause=None, other_causes=[])
    assert other.causes[0] in changed(cause="edge_config", secondary_cause=None, other_causes=[])
    incident = {"start": "2026-03-02T02:00:00+00:00", "end": "2026-03-02T03:00:00+00:00"}
    assert "11:00:00" in changed(incident=incident) and "13:00:00" not in changed(incident=incident)
    assert change_since(None, RESULT, "en") == ""
    assert change_since(RESULT | {"status": "failed"}, RESULT, "en") == ""
    assert change_since(RESULT, RESULT | {"diagnosis": None}, "en") == ""


def test_a_changed_impact_is_named_if_it_was_known():
    span = TimeSpan(datetime(2026, 3, 2, 4, tzinfo=UTC))

    def result(bad):
        said = message("health-incident", paths=["/health"], bad=bad, requests=9, failed=1, span=span)
        return RESULT | {"diagnosis": FOUND | {"summary_messages": [said.to_dict(), None]}}

    before, now = result(3), result(4)
    assert facts(before).impact != facts(now).impact
    expected = render(message("index-impact-was", before=Resource(facts(before).impact)))
    assert change_since(before, now, "en") == expected
    # An impact that was unknown is not named as one that has changed.
    assert change_since(RESULT, now, "en") == label("index-unchanged", "en")
