"""The stages of a run on a bundled case: what a pull requests and returns, diagnoses, and a postmortem."""

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from watchme_analysis.config import RunSettings, System
from watchme_analysis.delivery import stages
from watchme_analysis.delivery.destinations.base import PAGE_FORM, POSTMORTEM_FORM
from watchme_analysis.delivery.run import Variant
from watchme_analysis.errors import InputError, ReportError
from watchme_analysis.window import Window

WINDOW = Window(datetime(2025, 11, 17, 21, tzinfo=UTC), datetime(2025, 11, 18, 5, tzinfo=UTC))
NAME = "20251118T050000Z-from-20251117T210000Z"


@pytest.fixture
def pulls(monkeypatch, shorter):
    """Let a pull copy the shorter case; return the requests."""
    requests = []

    def pull(aws, request, target):
        requests.append(request)
        aws.metrics_requested += 24
        shutil.copytree(shorter.path, target)
        return SimpleNamespace(failures={"logs of x": "It broke."}, log_bytes=2e9, bytes_scanned=3e9)

    monkeypatch.setattr(stages, "pull", pull)
    monkeypatch.setattr(stages, "account_cache", lambda aws, cache, *, offline: (cache, offline))
    return requests


def source(**changed):
    aws = SimpleNamespace(metrics_requested=7, cancelled=threading.Event())
    system = System("orders", queues=("asr-queue",), functions=("asr-worker",), instances=("i-1",))
    return stages.AwsSource(system, aws, RunSettings(usd_per_gb=0.5), WINDOW, **changed)


def test_a_system_is_pulled_once_for_a_window(tmp_path, pulls):
    found = source().collect(tmp_path, 4.0, 60.0)
    assert found.case == tmp_path / NAME and found.window == WINDOW
    assert found.gb == pytest.approx(3e9 / stages.BYTES_PER_GB)
    (missing,) = found.missing
    assert missing.message.id == "problem-of"
    assert found.telemetry.metrics_requested == 24
    assert found.telemetry.log_gb_per_day == pytest.approx(2e9 / stages.BYTES_PER_GB * 3)
    (request,) = pulls
    assert (request.window, request.queues, request.functions) == (WINDOW, ("asr-queue",), ("asr-worker",))
    assert request.instances == ("i-1",)
    assert (request.max_scan_gb, request.usd_per_gb) == (4.0, 0.5)
    assert (request.options.deadline_s, request.options.max_scan_bytes) == (60.0, 4e9)

    again = source().collect(tmp_path, 4.0, 60.0)
    assert (again.case, again.gb, again.missing, len(pulls)) == (found.case, 0.0, (), 1)
    assert (again.telemetry.metrics_requested, again.telemetry.log_gb_per_day) == (0, None)


def test_without_a_window_it_is_that_of_the_settings_until_now(tmp_path, pulls, monkeypatch):
    asked = []

    def requested(cache, parts, bounds, zone):
        asked.append((cache, parts[:2], bounds, zone))
        return WINDOW

    monkeypatch.setattr(stages, "requested_window", requested)
    found = replace(source(cache=tmp_path / "kept", is_offline=True), window=None).collect(tmp_path, 1.0, 9.0)
    assert found.window == WINDOW
    assert asked == [((tmp_path / "kept", True), ["run", "orders"], (RunSettings().window, "now"), UTC)]


def test_a_pull_that_takes_too_long_is_cancelled_and_a_quick_one_is_not(tmp_path, pulls, monkeypatch):
    quick = source()
    quick.collect(tmp_path, 1.0, 0.2)
    slow = source()

    def pull(aws, request, target):
        assert aws.cancelled.wait(5)
        raise InputError("cancelled")

    monkeypatch.setattr(stages, "pull", pull)
    with pytest.raises(InputError, match="cancelled"):
        slow.collect(tmp_path / "other", 1.0, 0.01)
    assert not quick.aws.cancelled.wait(0.25)


def test_a_system_that_names_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="orders"):
        replace(source(), system=System("orders")).collect(tmp_path, 1.0, 1.0)


def test_a_case_is_diagnosed_for_the_questions_that_it_has_evidence_for(shorter, bundled):
    found = source().diagnose(shorter.path, "secrets")
    assert list(found) == ["backlog"]
    assert found["backlog"]["cause"] == "consumer_failing"
    assert "ranking" in found["backlog"]
    assert "asr-worker" in str(found) and "asr-worker" in str(source().diagnose(shorter.path, "share"))


def test_a_postmortem_is_one_file_and_a_report_that_failed_is_an_error(tmp_path, shorter, monkeypatch):
    wanted = Variant(POSTMORTEM_FORM, "ja", "ids")
    name = source(time_zone="Asia/Tokyo").report(shorter.path, "backlog", wanted, tmp_path, 60.0)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert "asr-queue" in text and "2025-11-18 10:42" in text

    asked = []

    def write(question, cases, out, *, progress, **options):
        asked.append((question, cases, out, options))
        progress.done(None, out / "made", {"status": status, "error": None})

    monkeypatch.setattr(stages, "write_reports", write)
    page = Variant(PAGE_FORM, "en", "share")
    status = "ok"
    assert source().report(shorter.path, "backlog", page, tmp_path, 30.0) == "made"
    options = {"redact": "share", "seconds": 30.0, "language": "en", "timezone": "UTC"}
    assert asked == [("backlog", [shorter.path], tmp_path, options)]
    status = "failed"
    with pytest.raises(ReportError):
        source().report(shorter.path, "backlog", page, tmp_path, 30.0)
