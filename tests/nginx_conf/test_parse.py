import json

import pytest

from watchme_analysis.files.evidence_file import RawFile
from watchme_analysis.nginx_conf.parse import (
    is_part,
    parse_nginx_config,
    read_nginx_config,
)
from watchme_analysis.redact import shortened
from watchme_analysis.retrieval import Rejected
from watchme_analysis.text.render import note


def read(folder, name="nginx.conf"):
    return read_nginx_config(RawFile(folder, name))


def lay(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_conf", ".conf").replace("_types", ".types")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def statements(frame):
    return [(row.directive, *json.loads(row.args)) for row in frame.itertuples()]


def test_a_block_is_the_parent_of_what_stands_in_it(tmp_path):
    lay(
        tmp_path,
        nginx_conf='http {\n  server {\n    location = /health { return 200 "ok # no comment"; }\n  }\n}\n',
    )
    frame, retrieval = read(tmp_path)
    assert statements(frame) == [
        ("http",),
        ("server",),
        ("location", "=", "/health"),
        ("return", "200", "ok # no comment"),
    ]
    assert list(frame["parent"].fillna(-1)) == [-1, 0, 1, 2]
    assert list(frame["line"]) == [1, 2, 3, 3]
    assert list(frame["block"]) == [True, True, True, False]
    assert retrieval.rows == 4
    assert not retrieval.rejected


def test_includes_are_expanded_where_they_stand(tmp_path):
    lay(
        tmp_path,
        nginx_conf="http {\n  include conf.d/*.conf;\n  keepalive_timeout 5s;\n}\n",
        conf__placeholder="",
    )
    lay(
        tmp_path, **{"conf.d__b_conf": "server { listen 81; }\n", "conf.d__a_conf": "server { listen 80; }\n"}
    )
    frame, retrieval = read(tmp_path)
    assert statements(frame) == [
        ("http",),
        ("include", "conf.d/*.conf"),
        ("server",),
        ("listen", "80"),
        ("server",),
        ("listen", "81"),
        ("keepalive_timeout", "5s"),
    ]
    assert list(frame["file"].unique()) == ["nginx.conf", "conf.d/a.conf", "conf.d/b.conf"]
    assert retrieval.notes == ()
    part, part_retrieval = read(tmp_path, "conf.d/a.conf")
    assert part.empty
    assert "nginx.conf includes it" in part_retrieval.notes[0]


def test_a_part_of_any_name_is_known_by_the_file_that_includes_it(tmp_path):
    (tmp_path / "snippets").mkdir()
    lay(
        tmp_path,
        nginx_conf="http { include sites/*.conf; }\n",
        sites__api_conf="server { location / { include snippets/proxy; } }\n",
        snippets__proxy="proxy_connect_timeout 2s;\n",
        snippets__other="proxy_connect_timeout 9s;\n",
    )
    assert is_part(RawFile(tmp_path, "snippets/proxy"))
    assert not is_part(RawFile(tmp_path, "snippets/other"))
    part, retrieval = read(tmp_path, "snippets/proxy")
    assert part.empty
    assert retrieval.notes == ("snippets/proxy is read where nginx.conf includes it.",)
    assert ("proxy_connect_timeout", "2s") in statements(read(tmp_path)[0])


def test_an_absolute_include_is_looked_for_beside_the_file_and_never_on_this_machine(tmp_path):
    outside = tmp_path / "outside.conf"
    outside.write_text("user root;\n")
    folder = tmp_path / "evidence"
    folder.mkdir()
    lay(
        folder,
        nginx_conf=f"include {outside};\ninclude /etc/nginx/conf.d/*.conf;\ninclude ../outside.conf;\n",
    )
    lay(folder, **{"conf.d__api_conf": "server { listen 80; }\n"})
    frame, retrieval = read(folder)
    assert ("listen", "80") in statements(frame)
    assert ("user", "root") not in statements(frame)
    assert len([note for note in retrieval.notes if "is not here" in note]) == 2


def test_a_missing_include_is_noted_and_the_rest_is_read(tmp_path):
    lay(tmp_path, nginx_conf="http {\n  include mime.types;\n  sendfile on;\n}\n")
    frame, retrieval = read(tmp_path)
    assert ("sendfile", "on") in statements(frame)
    assert retrieval.notes == ("nginx.conf:2 includes mime.types, which is not here.",)


def test_a_circle_of_includes_ends(tmp_path):
    lay(tmp_path, nginx_conf="include a.conf;\n", a_conf="include nginx.conf;\nworker_processes 1;\n")
    frame, retrieval = read(tmp_path)
    assert ("worker_processes", "1") in statements(frame)
    assert "circle" in retrieval.notes[0]


@pytest.mark.slow
def test_a_torn_file_keeps_its_whole_statements(tmp_path):
    text = (
        'http {\n  server {\n    listen 80;\n    location / { proxy_pass "http://a;b"; }\n  }\n'
        "  sendfile on;\n}\n"
    )
    whole = statements(read_whole(text))
    for cut in range(2, len(text), 7):
        lay(tmp_path, nginx_conf=text[:-cut])
        frame, retrieval = read(tmp_path)
        assert statements(frame) == whole[: len(frame)], f"{cut} bytes cut off"
        assert retrieval.rejected, f"{cut} bytes cut off"


def read_whole(text):
    found = []

    class Row:
        def __init__(self, directive, args):
            self.directive, self.args = directive, json.dumps(args)

    def walk(block):
        for statement in block:
            found.append(Row(statement["directive"], statement["args"]))
            walk(statement.get("block", []))

    walk(parse_nginx_config(text)[0])

    class Frame:
        def itertuples(self):
            return found

    return Frame()


def test_a_brace_too_many_keeps_what_stands_before_it(tmp_path):
    lay(tmp_path, nginx_conf="worker_processes 1;\n}\nhttp { }\n")
    frame, retrieval = read(tmp_path)
    assert statements(frame) == [("worker_processes", "1")]
    assert [(piece.line, piece.reason) for piece in retrieval.rejected] == [(2, 'unexpected "}"')]


def test_a_directive_that_nginx_refuses_is_rejected_with_its_line(tmp_path):
    lay(tmp_path, nginx_conf="events {}\nhttp {\n  sendfile;\n  tcp_nopush on;\n}\n")
    frame, retrieval = read(tmp_path)
    assert ("tcp_nopush", "on") in statements(frame)
    assert [(piece.line, piece.text.strip()) for piece in retrieval.rejected] == [(3, "sendfile;")]
    assert "number of arguments" in retrieval.rejected[0].reason


def test_the_output_of_nginx_t_is_read_as_the_files_in_it(tmp_path):
    lay(
        tmp_path,
        nginx_conf="nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
        "# configuration file /etc/nginx/nginx.conf:\nhttp {\n  include /etc/nginx/conf.d/*.conf;\n"
        "  include mime.types;\n}\n\n# configuration file /etc/nginx/mime.types:\ntypes { text/html html; }\n"
        "# configuration file /etc/nginx/conf.d/api.conf:\nserver {\n  listen 8080;\n}\n",
    )
    frame, retrieval = read(tmp_path)
    assert [entry[0] for entry in statements(frame)] == [
        "http",
        "include",
        "server",
        "listen",
        "include",
        "types",
        "text/html",
    ]
    assert frame.set_index("directive").loc["listen", "line"] == 12
    assert not retrieval.rejected
    assert retrieval.notes == ()


def test_a_server_in_a_file_of_any_name_is_known_by_its_content(tmp_path):
    (tmp_path / "api.example.com.conf").write_text("server {\n  listen 80;\n}\n")
    (tmp_path / "api.example.com").write_text("server {\n  listen 80;\n}\n")
    (tmp_path / "other.conf").write_text("[mysqld]\nlisten = 1\n")
    assert is_part(RawFile(tmp_path, "api.example.com.conf"))
    assert is_part(RawFile(tmp_path, "api.example.com"))
    assert not is_part(RawFile(tmp_path, "other.conf"))


def test_blocks_that_are_nested_too_deeply_are_rejected_as_a_whole():
    for depth in (101, 2000):
        text = "a {" * depth + "}" * depth
        rejected = Rejected("deep.conf", 0, note("reject-nginx-nested"), shortened(text, 2000))
        assert parse_nginx_config(text, "deep.conf") == ([], [rejected])
    (outermost,), rejected = parse_nginx_config("a {" * 100 + "}" * 100)
    assert (outermost["directive"], rejected) == ("a", [])
