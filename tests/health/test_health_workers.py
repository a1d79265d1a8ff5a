"""Servers whose processes and threads serve one request each: whether all of them were taken."""

import pytest
from worlds.worker_queue import (
    BEGIN,
    ROUTES,
    full_cpu,
    gunicorn_log,
    puma_log,
    usual_s,
    uwsgi_log,
    without_cpu,
    write_case,
)

import watchme_analysis as w

COMMAND = "gunicorn_command.txt"
FOUR = {COMMAND: "gunicorn -w 4 -b 0.0.0.0:8000 shop.wsgi\n"}
STATED = {
    "sync, by its log": {"app.log": gunicorn_log()},
    "sync, by its command": FOUR,
    "gthread, by log and command": {
        COMMAND: "gunicorn -w2 --threads 2 shop.wsgi\n",
        "app.log": gunicorn_log("gthread", 2),
    },
    "gunicorn's file": {
        COMMAND: "gunicorn shop.wsgi\n",
        "gunicorn.conf.py": 'workers = 2\nthreads = 2\nworker_class = "gthread"\n',
    },
    "uWSGI, by its log": {"app.log": uwsgi_log()},
    "uWSGI, by its command": {"uwsgi_command.txt": "uwsgi --master --http :8000 -p 4 --module shop\n"},
    "uWSGI's file": {"uwsgi.ini": "[uwsgi]\nmodule = shop\nprocesses = 2\nthreads = 2 ; each\n"},
    "PHP-FPM's pool": {"www.conf": "[www]\nlisten = 9000\npm = dynamic\npm.max_children = 4\n"},
    "Puma, by its log": {"app.log": puma_log()},
}


def diagnosed(folder):
    return w.diagnose("health", w.open_case(str(folder))).to_dict()


def signals(found):
    return {item["signal"] for entry in found["ranking"] for item in entry["evidence"]}


def status(found, cause):
    return next(entry["status"] for entry in found["ranking"] if entry["cause"] == cause)


@pytest.mark.slow(fast=1)
@pytest.mark.parametrize("files", STATED.values(), ids=STATED)
def test_requests_beyond_the_workers_wait_for_one(tmp_path, files):
    """One slow handler takes all four, and the health check waits in the queue of the kernel."""
    write_case(tmp_path, files)
    found = diagnosed(tmp_path)
    assert (found["verdict"], found["cause"]) == ("supported", "app_threadpool")
    assert status(found, "app_event_loop") == "refuted"


@pytest.mark.slow
def test_free_workers_keep_no_request_waiting(tmp_path):
    write_case(tmp_path, {COMMAND: "gunicorn -w 40 shop.wsgi\n"}, workers=40)
    found = diagnosed(tmp_path)
    assert status(found, "app_threadpool") == "refuted"
    assert found["ranking"][0]["cause"] == "dependency_slow"


@pytest.mark.slow
def test_a_surge_that_takes_all_workers_is_a_surge(tmp_path):
    write_case(tmp_path, FOUR, usual_s, per_s=5.0, surge_per_s=80.0)
    found = diagnosed(tmp_path)
    assert found["cause"] == "traffic_surge"
    assert "workers_full" in signals(found)


@pytest.mark.slow
def test_workers_without_cpu_are_no_fault_of_one_handler(tmp_path):
    """All handlers hold them: by Nginx's log alone, the evidence does not tell why."""
    write_case(tmp_path, FOUR, without_cpu, per_s=5.0)
    assert diagnosed(tmp_path)["cause"] is None
    (tmp_path / "metrics.csv").write_text(full_cpu())
    assert diagnosed(tmp_path)["ranking"][0]["cause"] == "app_saturation"


@pytest.mark.slow
@pytest.mark.parametrize(
    "files",
    [
        {COMMAND: "gunicorn -w 4 -k uvicorn.workers.UvicornWorker main:app\n"},
        {COMMAND: "gunicorn -w 4 -c elsewhere.py main:app\n"},
        {COMMAND: "gunicorn main:app\n", "gunicorn.conf.py": "workers = cpu_count() * 2 + 1\n"},
    ],
    ids=["a loop", "settings that are not there", "a number that is computed"],
)
def test_an_unknown_number_of_workers_claims_nothing(tmp_path, files):
    write_case(tmp_path, files)
    assert not {"workers_full", "workers_free"} & signals(diagnosed(tmp_path))


@pytest.mark.slow
def test_a_full_queue_of_a_socket_is_no_network(tmp_path):
    """Where nothing shows what the server is, a held loop is as likely as workers that are all taken."""
    access, errors = [], []
    for second in range(900):
        path, is_bad = ROUTES[second % 4], 600 <= second < 760 and second % 3 > 0
        at = f"{BEGIN.replace(minute=second // 60, second=second % 60):%d/%b/%Y:%H:%M:%S} +0000"
        size, code = (157, 502) if is_bad else (1570, 200)
        access.append(f'192.0.2.7 - - [{at}] "GET {path} HTTP/1.1" {code} {size} "-" "shop"')
        if is_bad:
            errors.append(
                f"2026/11/24 06:{second // 60:02}:{second % 60:02} [error] 8#8: *{second} connect() to "
                "unix:/run/shop.sock failed (11: Resource temporarily unavailable) while connecting to "
                f'upstream, client: 192.0.2.7, server: shop, request: "GET {path} HTTP/1.1", upstream: '
                f'"http://unix:/run/shop.sock:{path}", host: "shop.example.com"'
            )
    (tmp_path / "access.log").write_text("\n".join(access) + "\n")
    (tmp_path / "error.log").write_text("\n".join(errors) + "\n")
    found = diagnosed(tmp_path)
    assert found["layer"] == "process"
    assert next(one for one in found["layers"] if one["layer"] == "network")["probability"] < 0.1
    (tmp_path / "app.log").write_text(gunicorn_log())
    assert diagnosed(tmp_path)["ranking"][0]["cause"] == "app_threadpool"
