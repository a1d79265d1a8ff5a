"""Each section of each page displays itself, and gives its numbers, its query and its figure."""

import json

import pytest

from watchme_analysis import notebook
from watchme_analysis.notebook.section import section_titles
from watchme_analysis.present.display import FigureView
from watchme_analysis.report.summary import facts
from watchme_analysis.text.message import message
from watchme_analysis.text.render import label

PAGES = {
    "health": lambda bundled, *_: notebook.open_health(case=str(bundled("health-threadpool").path)),
    "backlog": lambda _, shorter, __: notebook.open_backlog(case=str(shorter.path)),
    "alarms": lambda _, shorter, __: notebook.open_alarms(case=str(shorter.path)),
    "what-if": lambda _, shorter, __: notebook.open_what_if(case=str(shorter.path), replications=2),
    "without times": lambda _, __, bare: notebook.open_backlog(case=str(bare)),
}
# Sections that no rows of the case are behind.
WITHOUT_QUERY = {"next_evidence", "rules", "throttling", "warning"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What the AWS CLI returns of a queue that nobody polls: the state of now, without a time."""
    folder = tmp_path_factory.mktemp("bare") / "evidence"
    arn = "arn:aws:sqs:ap-southeast-2:123456789012:orders"
    function = "arn:aws:lambda:ap-southeast-2:123456789012:function:orders-worker"
    mapping = {"UUID": "u", "EventSourceArn": arn, "FunctionArn": function, "State": "Disabled"}
    for name, response in (
        ("queues/orders-messages", {"Messages": [{"MessageId": "1", "Body": "{}"}]}),
        ("queues/orders", {"Attributes": {"QueueArn": arn, "ApproximateNumberOfMessages": "4200"}}),
        ("functions/orders-mappings", {"EventSourceMappings": [mapping]}),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(response))
    return folder


@pytest.fixture(scope="module", params=PAGES)
def page(request, bundled, shorter, bare):
    return PAGES[request.param](bundled, shorter, bare)


def test_evidence_without_times_has_a_diagnosis_and_an_unknown_window(bare, watchme):
    ended = watchme("diagnose", "backlog", bare, "--json")
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["cause"], found["incident"]) == (
        0, "mapping_disabled", {"start": None, "end": None}
    )  # fmt: skip
    known = {each["id"]: each["value"] for each in found["facts"]}
    assert (known["waiting_now"], known["waiting_peak"]) == (4200, None)
    page = notebook.open_backlog(case=str(bare))
    assert page.sql(page.redrive.sql)["message_id"].tolist() == ["1"]
    assert page.between == message("count-unknown")
    assert str(facts({"question": "backlog", "window": None}).window) == label("count-unknown", "en")


@pytest.mark.slow
def test_every_section_gives_typed_numbers_and_a_query_that_runs(page):
    assert len(page.sections) >= 12
    for name in page.sections:
        section = getattr(page, name)
        frame = section.frame
        assert len(frame.columns), name
        assert all(isinstance(column, str) for column in frame.columns), name
        times = [kind for kind in frame.dtypes if "datetime64" in str(kind)]
        assert {str(kind) for kind in times} <= {"datetime64[us, UTC]"}, name
        assert (section.sql is None) == (name in WITHOUT_QUERY), name
        if section.sql is not None:
            assert len(page.sql(f"select * from ({section.sql}) limit 3").columns), name


@pytest.mark.slow
def test_a_section_displays_what_its_call_returns_and_plots_where_it_has_a_figure(evidence):
    page = notebook.open_health(case=str(evidence))
    assert page.errors._repr_mimebundle_() == page.errors()._repr_mimebundle_()
    assert isinstance(page.findings.plot(), FigureView)
    assert page.matrix.plot() == page.matrix()


@pytest.mark.slow
def test_equal_seeds_simulate_the_same_and_another_seed_does_not(shorter):
    first, again, other = (
        notebook.open_what_if(case=str(shorter.path), replications=2, seed=seed).measures.frame
        for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_every_section_has_a_title_in_both_languages():
    for page in (notebook.HealthPage, notebook.BacklogPage, notebook.AlarmPage, notebook.WhatIfPage):
        for language in ("en", "ja"):
            titles = section_titles(page, language)
            assert all(title != name for name, title in titles.items())
