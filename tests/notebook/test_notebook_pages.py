import re
from functools import cache

import pytest

from watchme_analysis import notebook
from watchme_analysis.errors import CaseError, InputError
from watchme_analysis.files.attachments import TAKE_AWAY_VARIABLE
from watchme_analysis.inference.findings import FINDING_MIME
from watchme_analysis.text.render import label

PROBES = "timestamp,vantage,path,status,seconds,error\n" + "".join(
    f"2025-12-11T01:{minute:02d}:{second:02d}Z,{vantage},/health,{status},{seconds},\n"
    for minute in range(10)
    for second in range(0, 60, 5)
    for vantage, slow in (("inside", False), ("outside", 4 <= minute < 8))
    for status, seconds in ([("", 30.0)] if slow else [(200, 0.8)])
)

JAPANESE = re.compile(r"[ぁ-んァ-ン一-龥]")


@pytest.fixture
def probes(tmp_path):
    folder = tmp_path / "probed"
    folder.mkdir()
    (folder / "probes.csv").write_text(PROBES)
    return str(folder)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"timezone": "Mars/Olympus"}, "time zone 'Mars/Olympus' is unknown"),
        ({"since": "eventually"}, "'eventually' is not a valid time"),
        (
            {"since": "2025-12-11T11:00", "until": "2025-12-11T10:00"},
            "2025-12-11 11:00 to 2025-12-11 10:00 .Asia/Tokyo. is empty",
        ),
        ({"since": "2020-01-01", "until": "2020-01-02"}, "holds nothing before 2020-01-02"),
        ({"since": "2031-01-01"}, r"covers 2025-12-11 .* .Asia/Tokyo. and holds nothing from 2031-01-01 on"),
        ({"endpoint": "/absent"}, "'/absent' does not occur"),
        ({"endpoint": 8017}, "parameter endpoint is 8017"),
        ({"case": " "}, "parameter case is empty"),
    ],
)
def test_malformed_and_unknown_parameters_are_refused_in_a_sentence(probes, parameters, said):
    with pytest.raises(InputError, match=said):
        notebook.open_health(**{"case": probes, **parameters})


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(CaseError, match="no folder"):
        notebook.open_health(case="no-such-folder")


def test_a_case_without_anything_about_the_question_is_refused(probes):
    with pytest.raises(InputError, match="no evidence for backlog"):
        notebook.open_backlog(case=probes)


def test_a_parameter_that_the_notebook_does_not_have_is_refused(probes):
    with pytest.raises(InputError, match=r"parameter queue is unknown.*endpoint"):
        notebook.open_health(case=probes, queue="a")
    with pytest.raises(InputError, match="parameter profile is for a pull"):
        notebook.open_health(case=probes, profile="prod")


@pytest.fixture(scope="module")
def backlog_page(bundled, shorter_page):
    """Return a function that opens the backlog page of a bundled case by its name, each page once."""
    return cache(
        lambda name: (
            shorter_page if name == "shorter" else notebook.open_backlog(case=str(bundled(name).path))
        )
    )


def test_window_is_read_in_the_zone_of_the_page(probes):
    page = notebook.open_health(case=probes, since="2025-12-11T10:02", until="2025-12-11T10:05")
    assert page.window.start.isoformat() == "2025-12-11T01:02:00+00:00"
    assert "2025-12-11 10:02:00 to 2025-12-11 10:05:00" in page._repr_mimebundle_()["text/plain"]


@pytest.mark.slow
def test_every_section_displays_itself_with_probes_alone(probes):
    page = notebook.open_health(case=probes)
    assert page.incident is not None
    for picture in (page.timeline(), page.vantages(), page.where_time_goes(), page.matrix()):
        assert picture.png.startswith(b"\x89PNG")
        assert picture.alt
    assert "edge_log" in page.losses().to_text()
    assert "48 of 49" in page.comparison().to_text()
    assert "no error log" in page.errors().to_text()
    shown = page.verdict()._repr_mimebundle_()
    assert shown[FINDING_MIME]["question"] == "health"
    assert "Asia/Tokyo" in shown["text/plain"]
    assert "Next test" in page.findings()._repr_mimebundle_()["text/plain"]
    for section in (
        page.conclusion(),
        page.next_evidence(),
        page.changes(),
        page.statuses(),
        page.coverage(),
    ):
        assert section._repr_mimebundle_()["text/plain"]


def test_a_bundled_case_is_found_from_the_notebooks_folder_and_from_elsewhere(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = notebook.open_health(case="../data/health-healthy")
    assert here.investigation.case.name == "health-healthy"
    assert here.verdict()._repr_mimebundle_()["text/plain"].startswith("No endpoint was slow")
    assert here.matrix().alt


@pytest.mark.slow
def test_the_backlog_page_accounts_for_what_happened(bundled):
    page = notebook.open_backlog(case=str(bundled("backlog-49").path), queue="asr-queue")
    assert page.affected == ["asr-queue"]
    compared = page.comparison()
    metric = label("queue-metric-deleted", "en")
    deleted = next(row for row in compared.rows if row[:2] == ("asr-queue", metric))
    assert deleted[compared.heads.index("total")] == "224 → 2"
    balance = {row[0]: row for row in page.balance().rows}
    assert balance["asr-queue"][1:5] == ("0", "564", "896", "564")
    assert page.forecast().note == label("forecast-empty", "en")
    assert page.onsets().rows[0][0] == "asr-queue"
    assert "asr-queue: at most waiting 26" in page.timeline().alt
    fired = {row[1] for row in page.alarms().rows}
    assert {"asr-queue", "asr-worker"} <= fired
    assert "evaluated every minute over a sliding window" in page.alarms().note
    for section in (page.changes(), page.messages(), page.missed_work(), page.dead_letters_by_work_item()):
        assert section._repr_mimebundle_()["text/plain"]


@pytest.mark.slow
def test_the_backlog_page_names_dead_letters_and_the_work_they_stand_for(backlog_page):
    page = backlog_page("backlog-dlq")
    assert sum(int(row[2]) for row in page.dead_letters_by_work_item().rows) == 991
    assert [row[1:3] for row in page.dead_letters_by_receives().rows] == [("4", "991")]
    ages = page.dead_letters_by_age().rows
    assert [row[1] for row in ages] == ["0", "1", "2", "3"]
    assert sum(int(row[2]) for row in ages) == 991
    assert page.dead_letters_by_error().rows[0][1] == (
        "about the function itself, as nearly all that asr-worker logged"
    )
    assert len(page.missed_work().rows) == 7
    assert page.messages().caption.startswith("Messages in DLQs and waiting messages: 991")
    named = [row for row in page.changes().rows if row[-1] == label("changes-named", "en")]
    assert len(named) == 1
    assert named[0][3] == "asr-worker"
    assert "not yet" in page.verdict()._repr_mimebundle_()["text/plain"]


@pytest.mark.slow
def test_the_balance_over_time_shows_steps_in_which_something_stood(backlog_page):
    page = backlog_page("backlog-49")
    over_time = page.balance_over_time()
    assert over_time.caption == "Message balance in steps of 2 h (times in Asia/Tokyo)"
    assert [row[:2] for row in over_time.rows] == [
        ("asr-queue", "2025-11-25 09:00:00"),
        ("asr-queue", "2025-11-25 11:00:00"),
    ]
    assert over_time.note == "Left out: 11 steps in which all messages that arrived were deleted."
    assert {"expired", "purged", "mean stay"} <= set(page.balance().heads)
    assert not {"expired", "purged", "mean stay"} & set(over_time.heads)


@pytest.mark.slow
@pytest.mark.parametrize("opened", [notebook.open_backlog, notebook.open_alarms, notebook.open_what_if])
def test_every_page_returns_the_rows_behind_a_finding(shorter, opened):
    """Findings tell the reader to ask `page.sql`."""
    page = opened(case=str(shorter.path))
    said = page.diagnosis.ranking[0].finding.evidence[0]
    assert len(page.sql(said.sql)) == said.rows > 0


@pytest.mark.slow
def test_the_tables_of_the_backlog_page_are_in_the_language_of_the_page(shorter, shorter_page):
    japanese, english = notebook.open_backlog(case=str(shorter.path), language="ja"), shorter_page
    for section in (
        "coverage", "losses", "changes", "onsets", "comparison", "balance", "balance_over_time", "forecast",
        "dead_letters_by_work_item", "patterns", "missed_work", "messages", "redrive", "alarms",
        "next_evidence",
    ):  # fmt: skip
        shown, reported = getattr(japanese, section)(), getattr(english, section)()
        assert JAPANESE.search(shown.caption), section
        assert not JAPANESE.search(reported.to_text()), section
        assert len(shown.rows) == len(reported.rows)
        assert not shown.note or JAPANESE.search(shown.note), section
        assert all(JAPANESE.search(head) or not head for head in shown.heads), section


def test_an_unknown_language_is_refused(shorter):
    with pytest.raises(InputError, match="'fr'"):
        notebook.open_backlog(case=str(shorter.path), language="fr")


@pytest.mark.slow
def test_the_verdict_quotes_the_error(backlog_page):
    page = backlog_page("shorter")
    shown = page.verdict()._repr_mimebundle_()["text/plain"].replace("\n", " ")
    assert "No module named 'requests'" in shown.partition("Affected")[0]


@pytest.mark.slow
def test_a_page_about_one_queue_tells_of_no_other(shorter, backlog_page):
    whole = backlog_page("shorter")
    assert whole.messages().rows
    other = notebook.open_backlog(case=str(shorter.path), queue="sed-queue")
    sections = (
        other.onsets(),
        other.dead_letters_by_work_item(),
        other.dead_letters_by_error(),
        other.messages(),
    )
    assert {row[0] for section in sections for row in section.rows} <= {"sed-queue"}


def test_messages_to_send_again_are_left_for_a_report_only(shorter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TAKE_AWAY_VARIABLE, raising=False)
    notebook.open_backlog(case=str(shorter.path)).redrive()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(TAKE_AWAY_VARIABLE, str(tmp_path / "left"))
    [row] = notebook.open_backlog(case=str(shorter.path)).redrive().rows
    [file] = (tmp_path / "left").iterdir()
    assert file.name == "redrive.jsonl"
    assert len(file.read_text().splitlines()) == int(row[1]) > 0
