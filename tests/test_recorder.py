import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

RECORDER = Path(__file__).resolve().parent.parent / "benchmarks" / "recorder" / "record.py"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
SEEDS = range(1, 31)


@pytest.fixture
def recorder(monkeypatch):
    """Return a function that imports a module of the recorder."""
    monkeypatch.syspath_prepend(str(RECORDER.parent))
    return import_module


def run(*words):
    return subprocess.run(
        [sys.executable, str(RECORDER), *words], capture_output=True, text=True, timeout=120, check=False
    )


# Scenario and options of the recordings; each in a network of its own.
RECORDED = {
    "routing": "--seconds 21 --fault-at 5 --fault-for 13 --rate 4 --workers 2",
    "stopped": "--seconds 14 --fault-at 4 --fault-for 6 --rate 3 --prefixes --no-edge --log-format combined "
    "--monitor-every 1",
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a function: folder and output of a recording, which all run at the same time."""
    home = tmp_path_factory.mktemp("recorded")
    started = {
        name: subprocess.Popen(
            [sys.executable, str(RECORDER), name, str(home / name), *options.split()],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name, options in RECORDED.items()
    }  # fmt: skip

    def ended(name):
        printed, complaints = started[name].communicate(timeout=120)
        assert started[name].returncode == 0, complaints
        return home / name, printed

    yield ended
    for process in started.values():
        process.kill()
        process.wait()


@pytest.mark.netns
@pytest.mark.nginx
@pytest.mark.slow
@pytest.mark.skipif(NGINX is None or sys.platform != "linux", reason="recording needs Linux and nginx")
def test_a_case_recorded_from_real_programs_is_diagnosed(recorded, tmp_path):
    out, printed = recorded("routing")
    assert "/async-process" in printed
    case = import_folder(out, tmp_path / "case").case
    for table in ("access_log", "error_log", "edge_log", "probes", "app_log", "host_metrics", "app_handlers"):
        assert len(case.table(table)), table
    assert set(case.table("probes")["vantage"]) == {"inside", "host", "outside"}
    assert not len(case.table("rejected_lines"))
    samples = case.table("host_metrics")
    # The parent of two workers has one thread, and each worker at least one.
    assert samples.loc[samples["metric"] == "threads", "value"].min() >= 3
    truth = json.loads((out.parent / "truth" / "routing.json").read_text())
    found = diagnose("health", case)
    assert found.cause == truth["cause"] == "nginx_config"
    assert truth["run_start"] < truth["fault_start"] < truth["fault_end"] < truth["run_end"]
    assert found.extra["endpoints"] == ["/health"]
    begun = datetime.fromtimestamp(truth["fault_start"], tz=found.incident_start.tzinfo)
    assert abs((found.incident_start - begun).total_seconds()) < 10


@pytest.mark.slow
def test_the_recorder_refuses_what_can_not_be(tmp_path):
    new = str(tmp_path / "new")
    for words in (
        ["routing", str(tmp_path)],
        ["routing", new, "--seconds", "5"],
        ["packet_loss", new, "--network", "loopback"],
    ):
        done = run(*words)
        assert done.returncode == 2
        assert any(text in done.stderr for text in ("new folder", "raise --seconds", "network namespace"))


@pytest.mark.slow
@pytest.mark.skipif(Path("/usr/sbin/nginx").exists(), reason="Nginx is found beside PATH")
def test_the_recorder_says_that_it_needs_nginx_before_anything_runs(tmp_path, recorder, monkeypatch, capsys):
    record = recorder("record")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit):
        record.main(["routing", str(tmp_path / "new")])
    assert "nginx-light" in capsys.readouterr().err


@pytest.mark.netns
@pytest.mark.nginx
@pytest.mark.slow
@pytest.mark.skipif(NGINX is None or sys.platform != "linux", reason="recording needs Linux and nginx")
def test_a_process_stopped_at_a_production_pace_leaves_the_stated_traces(recorded, tmp_path):
    out, _ = recorded("stopped")
    truth = json.loads((out.parent / "truth" / "stopped.json").read_text())
    assert (truth["cause"], truth["layer"], truth["secondary_cause"]) == ("app_down", "process", None)
    case = import_folder(out, tmp_path / "case").case
    assert not len(case.table("rejected_lines"))
    assert not (out / "edge.jsonl").exists()

    # Nginx's times are cut to whole seconds. The process ends some time after the signal, and `fault_end` is
    # when it accepts connections again; how long both take depends on the load of the machine.
    errors = case.table("error_log")
    refused = errors[errors["message"].str.contains("Connection refused")]
    begun, ended = truth["fault_start"], truth["fault_start"] + truth["parameters"]["fault_for"]
    first = refused["time"].min().timestamp()
    assert begun - 1 < first < begun + 3
    stopped = (first + 1, ended - 1)

    def during(table):
        seconds = table["time"].map(lambda time: time.timestamp())
        return table[seconds.between(*stopped)]

    log = during(case.table("access_log"))
    failed = log[log["path"].str.startswith("/behavior-analysis/features/")]
    # The monitor's and the prober's requests; the callers' come at random.
    assert len(failed) >= 4
    assert set(failed["status"]) == {502}
    others = log[log["path"].str.startswith("/emotion-analysis/feature-extractor/")]
    assert set(others["status"]) <= {200, 202}
    assert len(during(refused)) == len(failed)
    probes = during(case.table("probes"))
    inside = probes[probes["vantage"] == "inside"]
    assert len(inside)
    assert inside["error"].str.startswith("refused").all()
    # The second service keeps its row per second.
    rows = []
    for file in ("metrics.csv", "metrics-emotion.csv"):
        times = [float(line.split(",")[0]) for line in (out / file).read_text().splitlines()[1:]]
        rows.append(sum(stopped[0] < time < stopped[1] for time in times))
    assert rows[0] == 0 < rows[1]


@pytest.mark.slow
def test_a_seed_draws_valid_parameters_and_always_the_same(recorder):
    scenarios, parameters = recorder("scenarios"), recorder("parameters")
    for name in scenarios.SCENARIOS:
        drawn = [scenarios.drawn_parameters(name, seed) for seed in SEEDS]
        assert drawn == [scenarios.drawn_parameters(name, seed) for seed in SEEDS]
        assert len({json.dumps(one, sort_keys=True) for one in drawn}) == len(SEEDS)
        for one in drawn:
            options = parameters.Parameters(**one)
            assert options.app in parameters.APPS
            assert options.fault_at + options.fault_for + 5 < options.seconds


def test_an_option_wins_over_its_draw_and_the_draw_over_the_default(recorder):
    record, scenarios = recorder("record"), recorder("scenarios")
    drawn = scenarios.drawn_parameters("slow_dependency", 3)
    options = record.parameters_of("slow_dependency", 3, {"rate": 0.25})
    assert (options.rate, options.delay) == (0.25, drawn["delay"])
    assert record.parameters_of("slow_dependency", None, {}).app == "async_client"


def test_the_page_of_scenarios_is_the_one_that_they_print(recorder):
    scenarios = recorder("scenarios")
    page = RECORDER.parent.parent.parent / "docs" / "generated" / "scenarios.md"
    assert page.read_text(encoding="utf-8") == scenarios.page()
    causes = {cause for one in scenarios.SCENARIOS.values() for cause in (one.cause, *one.other_causes)}
    assert causes == set(scenarios.LAYERS)


def test_a_set_holds_each_scenario_with_each_seed(recorder):
    cases = recorder("record_set").planned(["stopped", "denied"], [4, 5], "x")
    assert [case[1:] for case in cases] == [("stopped", 4), ("denied", 4), ("stopped", 5), ("denied", 5)]
    assert [case[0] for case in cases] == ["x01", "x02", "x03", "x04"]


class Reloads:
    """Stands for a testbed: keeps the configuration that a fault loads."""

    def __init__(self, configs, prefixes):
        routes = (
            configs.Route("behavior", "/behavior/" if prefixes else "/", ("127.0.0.1:8017",)),
            configs.Route("emotion", "/emotion/", ("127.0.0.1:8018",)),
        )
        self.origin = configs.Origin("127.0.0.1:8080", routes, "127.0.0.1", "json", 5.0, keepalive=4)
        self.target = type("Service", (), {"name": "behavior", "address": "127.0.0.1:8017"})
        self.network = type("Network", (), {"isolated": True})
        self.text = ""

    def prefix(self, service):
        return self.origin.routes[0].prefix.rstrip("/")

    def reload_origin(self, **settings):
        self.text = replace(self.origin, **settings).text()


@pytest.mark.nginx
@pytest.mark.skipif(NGINX is None, reason="needs nginx")
@pytest.mark.parametrize("prefixes", [False, True])
def test_nginx_accepts_the_configuration_of_every_fault(recorder, tmp_path, prefixes):
    scenarios, parameters = recorder("scenarios"), recorder("parameters")
    for folder in ("logs", "tmp"):
        (tmp_path / folder).mkdir()
    texts = {}
    for name, scenario in scenarios.SCENARIOS.items():
        if scenario.cause == "nginx_config" and name not in ("two_faults", "stale_address"):
            testbed = Reloads(recorder("nginx_configs"), prefixes)
            scenario.begin(testbed, parameters.Parameters(**scenario.defaults))
            texts[name] = testbed.text
    assert len(set(texts.values())) == len(texts) >= 8
    for name, text in texts.items():
        path = tmp_path / f"{name}.conf"
        path.write_text(text)
        words = [NGINX, "-t", "-p", str(tmp_path), "-e", "logs/test.log", "-c", str(path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)
        assert re.search(r"location /behavior/ " if prefixes else r"location / ", text)
