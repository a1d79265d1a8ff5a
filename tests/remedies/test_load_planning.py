"""Parts of the plan of a load test: requests, messages, durations, settings, and what is watched."""

from dataclasses import replace
from datetime import UTC, datetime

from worlds.messages import refusal
from worlds.settings_file import write_settings
from worlds.stored_case import store_case

from watchme_analysis.case.actions import read_actions
from watchme_analysis.config import Config, System
from watchme_analysis.remedies.load_plan import LoadItem, LoadLimits, LoadPlan, LoadTarget
from watchme_analysis.remedies.load_planning import check_test_system
from watchme_analysis.remedies.loadtest import apply_load_test
from watchme_analysis.simulation.replay import endpoint_settings

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
API = System("staging", api="http://192.0.2.1/api/jobs", is_test=True)


def test_only_what_is_declared_as_a_test_system_is_tested():
    test = System("staging", ("jobs",), api="http://192.0.2.1/api", is_test=True)
    real = System("orders", ("orders",), api="http://192.0.2.2/api")

    def checked(name, *systems):
        return check_test_system(Config(systems={each.name: each for each in systems}), name)

    def problem(name, *systems):
        return next(iter(refusal(checked, name, *systems)))

    assert checked(None, test, real) is test and checked("staging", test, real) is test
    assert problem(None, real) == "error-loadtest-no-system"
    second = replace(test, name="second", queues=("more",))
    assert problem(None, test, second) == "error-loadtest-several-systems"
    assert problem("orders", test, real) == "error-loadtest-not-test"
    # The same queue by its URL, or the same API, in a system that is none for tests.
    assert problem("staging", test, replace(real, queues=(URL + "jobs",))) == "error-loadtest-shared"
    assert problem("staging", test, replace(real, api=test.api)) == "error-loadtest-shared"


def test_a_plan_is_applied_to_what_is_still_declared(tmp_path, monkeypatch):
    write_settings(tmp_path, '[systems.staging]\ntest = true\napi = "http://127.0.0.1:1/jobs"\n')
    monkeypatch.chdir(tmp_path)
    made = datetime(2026, 3, 2, tzinfo=UTC)
    target = LoadTarget("staging", "endpoint", "http://127.0.0.1:1/jobs")
    plan = LoadPlan(
        "loadtest-1", "night", "/jobs", made, "", "", target, 1.0, made, 60.0,
        (LoadItem(0.0, "", None, "GET", "/jobs"),), LoadLimits(drain_s=1.0, timeout_s=1.0),
        endpoint_settings(0.05, 0.1, None, 60), 1,
    )  # fmt: skip
    stored = store_case(tmp_path / "case", queues=[{"queue": "a"}])
    result = apply_load_test(plan, tmp_path / "j", None, case=stored.path)
    assert (result.counts.sent, result.counts.failed) == (1, 1)
    rows = read_actions(stored.path)
    assert rows[["remedy", "outcome"]].values.tolist() == [["loadtest", "done"]]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "probes.csv").write_text("timestamp,vantage,path,status,seconds,error\n")
    assert "error-case-is-raw" in refusal(apply_load_test, plan, tmp_path / "k", None, case=raw)
    moved = replace(plan, target=replace(plan.target, url="http://127.0.0.1:1/other"))
    assert "error-loadtest-target-gone" in refusal(apply_load_test, moved, tmp_path / "k", None)
    assert not (tmp_path / "k").exists()
