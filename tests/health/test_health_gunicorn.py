"""Workers that gunicorn ends: by its time limit, and by the kernel's lack of memory.

Messages of the arbiter: https://github.com/benoitc/gunicorn/blob/master/gunicorn/arbiter.py. The time limit
of sync and other workers: https://gunicorn.org/reference/settings/#timeout.
"""

from datetime import UTC, datetime, timedelta

import pytest

import watchme_analysis as w

BEGIN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
UPSTREAM = 'upstream: "http://192.0.2.61:8000/v1/report", host: "shop.example.com"'
CLOSED = "upstream prematurely closed connection while reading response header from upstream"
FAULT = range(600, 900, 5)
TIMED_OUT = "[CRITICAL] WORKER TIMEOUT (pid:{id})"
ABORTED = "[WARNING] Worker with pid {id} was terminated due to signal 6"
KILLED = "[ERROR] Worker (pid:{id}) was sent SIGKILL! Perhaps out of memory?"
KILLED_9 = "[WARNING] Worker with pid {id} was terminated due to signal 9"
OTHER_TIMED_OUT = "[CRITICAL] WORKER TIMEOUT (pid:7{id})"


def diagnosed(folder, worker, *messages):
    """Return the diagnosis of connections that close, each with these messages of gunicorn on a worker."""
    moments = [BEGIN + timedelta(seconds=second) for second in range(0, 900, 5)]
    access, errors, app = [], [], []
    if worker:
        app.append(f"[{BEGIN:%Y-%m-%d %H:%M:%S} +0000] [1] [INFO] Using worker: {worker}")
    for number, at in enumerate(moments):
        status = 502 if number * 5 in FAULT else 200
        access.append(
            f'192.0.2.7 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "POST /v1/report HTTP/1.1" {status} 157 "-" "shop"'
        )
        if status == 200:
            continue
        errors.append(
            f"{at:%Y/%m/%d %H:%M:%S} [error] 8#8: *{number} {CLOSED}, client: 192.0.2.7, server: shop, "
            f'request: "POST /v1/report HTTP/1.1", {UPSTREAM}'
        )
        said = [*messages, "[INFO] Booting worker with pid: 9{id}"]
        app += [f"[{at:%Y-%m-%d %H:%M:%S} +0000] [1] {one.format(id=100 + number)}" for one in said]
    for name, lines in (("access.log", access), ("error.log", errors), ("app.log", app)):
        (folder / name).write_text("\n".join(lines) + "\n")
    return w.diagnose("health", w.open_case(str(folder))).to_dict()


def signals(found):
    return {item["signal"] for entry in found["ranking"] for item in entry["evidence"]}


@pytest.mark.slow
@pytest.mark.parametrize("ended", [ABORTED, KILLED, KILLED_9])
def test_a_sync_worker_over_its_time_limit_is_a_slow_handler(tmp_path, ended):
    """Gunicorn ends it by SIGABRT, then by SIGKILL; it has no event loop, and memory is not why."""
    found = diagnosed(tmp_path, "sync", TIMED_OUT, ended)
    assert found["ranking"][0]["cause"] == "dependency_slow"
    assert found["cause"] in (None, "dependency_slow")
    assert not {"loop_held", "memory_full"} & signals(found)
    loop = next(one for one in found["ranking"] if one["cause"] == "app_event_loop")
    assert loop["status"] == "refuted"


@pytest.mark.slow
@pytest.mark.parametrize("worker", ["uvicorn.workers.UvicornWorker", "gthread", None])
def test_a_time_limit_shows_a_held_loop_only_of_workers_on_a_loop(tmp_path, worker):
    found = signals(diagnosed(tmp_path, worker, TIMED_OUT, ABORTED))
    assert ("loop_held" in found) == (worker is not None and "uvicorn" in worker)
    assert "sync_worker_timeout" not in found


@pytest.mark.slow
@pytest.mark.parametrize("messages", [(KILLED,), (KILLED_9,), (OTHER_TIMED_OUT, KILLED)])
def test_a_worker_killed_before_its_time_limit_lacked_memory(tmp_path, messages):
    found = diagnosed(tmp_path, "gthread", *messages)
    assert "memory_full" in signals(found)
    assert found["ranking"][0]["cause"] == "app_saturation"
