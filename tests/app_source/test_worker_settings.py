"""Settings of workers in files: gunicorn.conf.py, uWSGI's ini files and pools of PHP-FPM."""

import pandas as pd
import pytest

from watchme_analysis.case.importer import import_folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"uwsgi.ini": "[uwsgi]\nhttp-socket = :8000\nprocesses = 3\nthreads = 2 # each\nlisten = 256\n"},
            {
                "server": "uwsgi",
                "workers": 3,
                "threads": 2,
                "port": 8000,
                "backlog": 256,
                "worker_class": None,
            },
        ),
        (
            {"shop-uwsgi.ini": "; shop\n[uwsgi]\nprocesses = %k\ngevent = 100\n[other]\nthreads = 9\n"},
            {"server": "uwsgi", "workers": None, "threads": 1, "backlog": 100, "worker_class": "gevent"},
        ),
        (
            {"www.conf": "[global]\npid = a\n[www]\nlisten = 127.0.0.1:9000\npm.max_children = 5\n"},
            {"server": "php-fpm", "workers": 5, "threads": 1, "host": "127.0.0.1", "port": 9000, "line": 3},
        ),
        (
            {
                "gunicorn_command.txt": "gunicorn -w 3 shop.wsgi\n",
                "gunicorn.conf.py": 'workers = 9\nthreads = 2\nbacklog = 64\nworker_class = "gthread"\n',
            },
            {"workers": 3, "threads": 2, "backlog": 64, "settings_file": "gunicorn.conf.py"},
        ),
        (
            {
                "gunicorn_command.txt": "gunicorn --config prod.py shop.wsgi\n",
                "prod.py": "import os\nworkers = os.cpu_count()\n",
            },
            {"workers": None, "threads": 1, "worker_class": "sync", "settings_file": "prod.py"},
        ),
    ],
)
def test_files_state_workers_and_what_they_compute_is_unknown(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    rows = import_folder(tmp_path, tmp_path.with_name(f"{tmp_path.name}-case")).case.table("app_processes")
    assert len(rows) == 1
    found = {name: rows[name].iloc[0] for name in expected}
    assert {name: None if pd.isna(one) else one for name, one in found.items()} == expected
