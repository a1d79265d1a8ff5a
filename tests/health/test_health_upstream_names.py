import pandas as pd

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.health.configuration import resolved_names, routes
from watchme_analysis.nginx_conf.parse import read_nginx_config
from watchme_analysis.schema import conform, empty

CONFIG = """
http { server {
  location /one/ { proxy_pass http://one:8000/; }
  location /two/ { proxy_pass http://two:8000/; }
  location /lo/ { proxy_pass http://127.0.0.1:9000/; }
} }
"""
NAMED = {"service": "two", "addr": "192.0.2.7", "command": "uvicorn app:app"}


def resolved(tmp_path, requested, processes=()):
    (tmp_path / "nginx.conf").write_text(CONFIG)
    directives = read_nginx_config(RawFile(tmp_path, "nginx.conf"))[0]
    log = pd.DataFrame(requested, columns=["path", "upstream_addr"])
    table = conform("app_processes", pd.DataFrame(processes)) if processes else empty("app_processes")
    return resolved_names(routes(directives)[0], [log], table)


def test_the_one_address_that_requests_of_a_location_went_to_is_its_names(tmp_path):
    requested = [
        ("/one/health", "192.0.2.5:8000"),
        ("/one/jobs", "192.0.2.5:8000"),
        ("/lo/x", "127.0.0.1:9000"),
    ]
    assert resolved(tmp_path, requested) == {"one:8000": "192.0.2.5:8000"}


def test_several_addresses_or_another_port_tell_nothing(tmp_path):
    requested = [("/one/a", "192.0.2.5:8000"), ("/one/b", "192.0.2.6:8000"), ("/two/a", "192.0.2.9:8001")]
    assert resolved(tmp_path, requested) == {}


def test_a_start_command_tells_the_address_of_its_service(tmp_path):
    assert resolved(tmp_path, [], [NAMED]) == {"two:8000": "192.0.2.7:8000"}
