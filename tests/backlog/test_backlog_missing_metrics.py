"""A metric that nobody answered is no zero: without it the diagnosis is right or silent."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from worlds.backlog_world import World
from worlds.shorter_case import write_shorter

from watchme_analysis.backlog.diagnosis import diagnose
from watchme_analysis.case.opening import open_case
from watchme_analysis.case.reader_registry import sources
from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.inference.findings import Investigation
from watchme_analysis.services.diagnose import diagnose as diagnose_case
from watchme_analysis.text.render import render

CASES = (("shorter", "consumer_failing"), ("backlog-healthy", "healthy"))
FOLDERS = {"log": "logs/*", "queue": "metrics/sqs.json*", "function": "metrics/lambda.json*"}


@pytest.fixture(scope="module")
def raw_of(data, tmp_path_factory):
    """The folder of evidence of each case by its name."""
    shorter = write_shorter(tmp_path_factory.mktemp("whole") / "shorter")
    return {"shorter": shorter, **{case: data / case for case, _ in CASES[1:]}}


def damaged(raw_of, tmp_path, case, how, *patterns):
    """Diagnose a copy of a bundled case of which files are removed, emptied or torn."""
    raw = Path(shutil.copytree(raw_of[case], tmp_path / "raw"))
    for file in [file for pattern in patterns for file in raw.glob(pattern)]:
        content = file.read_bytes()
        file.unlink()
        if how != "removed":
            file.write_bytes(content[: len(content) // 3] if how == "torn" else b"")
    return diagnose_case("backlog", open_case(raw))


def unanswered(world, namespace):
    """Return the world with a namespace's queries left unanswered."""
    metrics, queries = world.table("metrics"), world.table("metric_queries")
    other = world.without()
    open_ = queries["namespace"] == namespace
    other.tables["metrics"] = metrics[metrics["namespace"] != namespace]
    other.tables["metric_queries"] = queries.assign(
        points=queries["points"].mask(open_), status=queries["status"].mask(open_)
    )
    return other


def ask(world):
    return diagnose(Investigation(world, "backlog"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "cause", "lacking", "how"),
    [
        (*CASES[0], ("queue",), "removed"),
        (*CASES[0], ("function",), "emptied"),
        (*CASES[1], ("queue", "function"), "removed"),
    ],
)
def test_without_metric_files_it_is_right_or_silent(raw_of, tmp_path, case, cause, lacking, how):
    found = damaged(raw_of, tmp_path, case, how, *(FOLDERS[name] for name in lacking))
    assert found.cause in ({None} if cause == "healthy" else {cause, None})
    assert any(render(item.how).startswith("watchme case pull backlog") for item in found.missing_evidence)
    for item in found.missing_evidence:
        files = re.findall(r"FOLDER/(\S+)", render(item.how))
        assert files or "watchme case pull" in render(item.how)
        if "could not be read" in render(item.what):
            # The commands name the folder that was given and a queue of its evidence.
            raw = tmp_path / "raw"
            assert f"repair {raw}/{render(item.what).partition(',')[0]} or" in render(item.how)
            assert f"watchme diagnose backlog {raw}\n" in render(item.how)
            assert "watchme case pull backlog --queue asr-queue --since " in render(item.how)
        for name in files:
            assert any(source.knows_name(RawFile(tmp_path, name)) for source in sources()), name


@pytest.mark.slow
def test_a_calm_verdict_needs_the_metrics_of_queues_and_functions():
    assert ask(World()).verdict == "no_incident"
    for namespace in ("AWS/SQS", "AWS/Lambda"):
        found = ask(unanswered(World(), namespace))
        assert found.verdict == "inconclusive"
        assert render(found.headline), "whatever is open, the headline says what is known"
        assert any(
            render(item.how).startswith("watchme case pull backlog") for item in found.missing_evidence
        )


def stalled():
    world = World()
    for minute in range(600, 1440):
        for name in ("received", "deleted", "invocations", "duration_avg_s", "duration_max_s"):
            world.at[name][minute] = 0
        world.at["visible"][minute] = world.at["sent"][600 : minute + 1].sum()
        world.at["age_s"][minute] = 60.0 * (minute - 601)
    world.state = "Disabled"
    world.change(597, "UpdateEventSourceMapping20150331", "job-runner", uUID="u-1", enabled=False)
    return world


@pytest.mark.slow
def test_the_snapshot_of_a_queue_stands_in_for_its_metrics():
    found = ask(unanswered(stalled(), "AWS/SQS"))
    assert found.cause == "mapping_disabled"
    assert found.extra["change"]["event_name"] == "UpdateEventSourceMapping20150331"
    assert (found.incident_start - pd.Timestamp("2025-12-10T09:57:00Z")).total_seconds() == 0
    assert found.incident_end is None
