import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path

import pytest

from watchme_analysis.case.importer import import_folder
from watchme_analysis.services.diagnose import diagnose

RECORDER = Path(__file__).resolve().parent.parent / "benchmarks" / "recorder" / "record.py"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@pytest.mark.netns
@pytest.mark.nginx
@pytest.mark.slow
@pytest.mark.skipif(NGINX is None or sys.platform != "linux", reason="recording needs Linux and nginx")
def test_a_case_recorded_from_real_programs_is_diagnosed(tmp_path):
    out = tmp_path / "routing"
    words = ["routing", str(out), "--seconds", "21", "--fault-at", "5", "--fault-for", "13", "--rate", "4"]
    words += ["--workers", "2"]
    done = subprocess.run(
        [sys.executable, str(RECORDER), *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "/async-process" in done.stdout
    case = import_folder(out, tmp_path / "case").case
    for table in ("access_log", "error_log", "edge_log", "probes", "app_log", "host_metrics", "app_handlers"):
        assert len(case.table(table)), table
    assert set(case.table("probes")["vantage"]) == {"inside", "host", "outside"}
    assert not len(case.table("rejected_lines"))
    samples = case.table("host_metrics")
    # The parent of two workers has one thread, and each worker at least one.
    assert samples.loc[samples["metric"] == "threads", "value"].min() >= 3
    truth = json.loads((tmp_path / "truth" / "routing.json").read_text())
    found = diagnose("health", case)
    assert found.cause == truth["cause"] == "nginx_config"
    assert truth["run_start"] < truth["fault_start"] < truth["fault_end"] < truth["run_end"]
    assert found.extra["endpoints"] == ["/health"]
    begun = datetime.fromtimestamp(truth["fault_start"], tz=found.incident_start.tzinfo)
    assert abs((found.incident_start - begun).total_seconds()) < 10


def test_the_recorder_refuses_what_can_not_be(tmp_path):
    new = str(tmp_path / "new")
    for words in (
        ["routing", str(tmp_path)],
        ["routing", new, "--seconds", "5"],
        ["packet_loss", new, "--network", "loopback"],
    ):
        done = subprocess.run(
            [sys.executable, str(RECORDER), *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert any(text in done.stderr for text in ("new folder", "raise --seconds", "network namespace"))


def test_the_recorder_says_that_it_needs_nginx_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(RECORDER.parent))
    record = import_module("record")
    monkeypatch.setattr(record, "find_nginx", lambda: None)
    with pytest.raises(SystemExit):
        record.main(["routing", str(tmp_path / "new")])
    assert "nginx-light" in capsys.readouterr().err
