"""Findings and diagnoses as JSON, with sentences beside their messages; tables in a window."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from watchme_analysis.inference.findings import (
    Diagnosis,
    Evidence,
    Finding,
    Investigation,
    Missing,
    Ranked,
)
from watchme_analysis.text.message import Instant, message
from watchme_analysis.text.render import note, render
from watchme_analysis.window import Window

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
SAID = message("value", value=Instant(START))
TOKYO = ZoneInfo("Asia/Tokyo")


def test_numbers_are_rounded_and_sentences_stand_beside_their_messages():
    seen = Evidence(SAID, "probes", 3, 1.23456, 0.12345678, "s", "select 1", "paths", "loss")
    assert seen.to_dict("ja", TOKYO) == {
        "statement": render(SAID, "ja", TOKYO), "message": SAID.to_dict(), "check": "paths", "signal": "loss",
        "table": "probes", "rows": 3, "weight": 1.235, "effect": 0.123457, "effect_unit": "s",
        "sql": "select 1",
    }  # fmt: skip
    plain = Evidence("Plain.", "probes", 0, -1.0).to_dict()
    assert (plain["statement"], plain["effect"], "message" in plain) == ("Plain.", None, False)

    found = Finding(
        "a", (seen, Evidence("", "probes", 1, -1.0)), None, (SAID, "the dark"), note("balance-open")
    )
    ranked = Ranked(found, 0.123456, "inconclusive").to_dict()
    assert (ranked["probability"], ranked["log_odds"], ranked["detail"]) == (0.1235, 0.235, None)
    assert "detail_message" not in ranked
    assert ranked["not_covered"] == [render(SAID), "the dark"]
    assert ranked["not_covered_messages"] == [SAID.to_dict(), None]
    assert ranked["next_test_message"]["id"] == "balance-open"

    missing = Missing(SAID, "Why.", "How.").to_dict()
    assert (missing["what_message"], missing["why"]) == (SAID.to_dict(), "Why.")
    assert "why_message" not in missing


def diagnosis(**more):
    ranking = (Ranked(Finding("a", ()), 0.5, "supported"),)
    coverage = {"probes": {"rows": 3, "notes": (SAID,)}, "metrics": {"rows": 0}}
    return Diagnosis("health", "case", "supported", "a", 0.98765, START, None, ranking, coverage, **more)


def test_a_diagnosis_renders_the_messages_in_every_part_of_it():
    extra = {"note": SAID, "deep": {"note": SAID}, "list": [{"note": SAID}, "plain"], "count": 3}
    found = diagnosis(extra=extra, summary=("Plain.",), secondary_cause="b").to_dict("en", TOKYO)
    said = render(SAID, "en", TOKYO)
    assert (found["confidence"], found["secondary_cause"], found["cause"]) == (0.9877, "b", "a")
    assert found["incident"] == {"start": "2026-03-02T04:00:00.000+00:00", "end": None}
    assert (found["note"], found["note_message"]) == (said, SAID.to_dict())
    assert found["deep"] == found["list"][0] == {"note": said, "note_message": SAID.to_dict()}
    assert (found["list"][1], found["count"]) == ("plain", 3)
    assert found["coverage"]["probes"]["notes_messages"] == [SAID.to_dict()]
    assert found["coverage"]["metrics"]["notes"] == []
    assert (found["summary"], "summary_messages" in found) == (["Plain."], False)


class Rows:
    """Stands for a case with one table."""

    read = 0

    def table(self, name):
        self.read += 1
        minutes = [START + timedelta(minutes=minute) for minute in range(4)]
        return pd.DataFrame({"time": pd.to_datetime([*minutes, None], utc=True), "value": range(5)})


def test_a_table_has_the_rows_of_the_window_and_those_without_a_time():
    case = Rows()
    window = Window(START + timedelta(minutes=1), START + timedelta(minutes=3))
    for within, values in ((None, [0, 1, 2, 3, 4]), (window, [1, 2, 4])):
        investigation = Investigation(case, "backlog", within)
        assert investigation.table("metrics")["value"].tolist() == values
        assert investigation.table("metrics") is investigation.table("metrics")
    assert case.read == 2
    calls = []

    def compute(found):
        calls.append(found)
        return len(calls)

    assert (investigation.once(compute), investigation.once(compute)) == (1, 1)
    assert calls == [investigation]
