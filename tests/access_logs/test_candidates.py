# ruff: noqa: E501 - formats stand as they are written
"""The formats that are tried on a log, in their order: of the configuration beside it, and stock formats."""

import pytest
from worlds.messages import messages_in

from watchme_analysis.access_logs.formats.candidates import candidate_formats, configurations_beside
from watchme_analysis.access_logs.formats.known_formats import stock_formats
from watchme_analysis.errors import FormatError
from watchme_analysis.files.evidence_file import RawFile

STOCK = [one.name for one in stock_formats()]


def candidates(folder, name="access.log", configuration="", conf="nginx.conf", **settings):
    (folder / conf).write_text(configuration)
    found = candidate_formats(RawFile(folder, name, settings=settings))
    return [one.name for one in found.formats], found


def test_the_format_of_the_file_comes_first_then_those_of_others(tmp_path):
    configuration = """http {
        log_format one '$status one'; log_format two '$status two'; log_format three '$status three';
        access_log logs/other.log two; access_log /var/log/access.log three gzip buffer=32k; access_log off;
        access_log logs/access.log; access_log syslog:server=a one;
    }"""
    names, found = candidates(tmp_path, configuration=configuration)
    rest = [name for name in STOCK if name != "combined"]
    assert names == ["three", "combined", "two", "one", *rest]
    assert found.notes == []
    assert candidates(tmp_path, "access.log.1.gz", configuration)[0] == names
    assert candidates(tmp_path, "b.log", configuration)[0] == ["two", "three", "combined", "one", *rest]


def test_the_first_of_two_formats_of_a_name_counts_and_an_equal_one_is_tried_once(tmp_path):
    configuration = "http { log_format a '$status 1'; log_format a '$status 2'; log_format b '$status 1'; }"
    names, found = candidates(tmp_path, configuration=configuration)
    assert names == ["a", *STOCK]
    assert found.formats[0].text == "$status 1"


def test_escapes_of_a_configuration_are_decoded(tmp_path):
    configuration = r"""http { log_format a escape=json '{"a":"$host",' '"s":"$status"}\n'; log_format b '$status\t\"\x'; }"""
    _, found = candidates(tmp_path, configuration=configuration)
    first, second = found.formats[:2]
    assert (first.text, first.escape) == ('{"a":"$host","s":"$status"}\n', "json")
    assert (second.text, second.escape) == ('$status\t"\\x', "default")


def test_formats_of_apache_are_known_too(tmp_path):
    configuration = 'LogFormat "%h %>s" own\nCustomLog logs/access.log own\nCustomLog logs/b.log "%a %>s %D"\nLogFormat "%h %q"\n'
    names, _ = candidates(tmp_path, configuration=configuration, conf="httpd.conf")
    assert names[:3] == ["own", "", ""] or names[0] == "own"
    assert "own" not in candidates(tmp_path, configuration="", conf="httpd.conf")[0]


def test_a_format_that_is_invalid_is_noted_and_others_are_tried(tmp_path):
    configuration = "http { log_format a '$status$host'; log_format b '$status b'; log_format c; }"
    names, found = candidates(tmp_path, configuration=configuration)
    assert names == ["b", *STOCK]
    (invalid,) = [one for one in found.notes if one.message.id == "note-log-format-invalid"]
    assert messages_in(invalid.message)["note-log-format-invalid"]["error"]


def test_a_missing_include_is_noted_where_the_format_may_be_in_it(tmp_path):
    missing = "include formats.conf;"
    for configuration, is_noted in (
        (f"http {{ {missing} }}", True),
        (f"http {{ {missing} log_format a '$status a'; access_log access.log other; }}", True),
        (f"http {{ {missing} log_format a '$status a'; access_log access.log a; }}", False),
    ):
        _, found = candidates(tmp_path, configuration=configuration)
        assert ["note-include-missing"] * is_noted == [one.message.id for one in found.notes]


def test_a_stated_configuration_counts_alone_and_must_have_a_format(tmp_path):
    (tmp_path / "conf").mkdir()
    stated = tmp_path / "conf" / "site.conf"
    stated.write_text("log_format c '$status c';")
    beside = "http { log_format b '$status b'; }"
    names, found = candidates(tmp_path, configuration=beside, nginx_conf=str(stated))
    assert (names, found.notes) == (["c", *STOCK], [])
    stated.write_text("worker_processes 1;")
    names, found = candidates(tmp_path, configuration=beside, nginx_conf=str(stated))
    assert names == STOCK
    assert [messages_in(one.message) for one in found.notes] == [
        {"note-no-log-format": {"file": "site.conf"}}
    ]


def test_configurations_of_nginx_come_before_others(tmp_path):
    for name in ("a.conf", "nginx.conf", "z.conf", "nginx-b.conf.txt"):
        (tmp_path / name).write_text("worker_processes 1;")
    found = configurations_beside(RawFile(tmp_path, "access.log"))
    assert [one.name for one in found] == ["nginx-b.conf.txt", "nginx.conf", "a.conf", "z.conf"]
    assert found[0].directives == [("worker_processes", ("1",))]


def test_a_stated_format_is_a_name_a_text_or_a_directive(tmp_path):
    for stated, text in (
        ("combined", next(one.text for one in stock_formats() if one.name == "combined")),
        ("$status $host", "$status $host"),
        (r"$status\t$host", "$status\t$host"),
        ("log_format x '$status x'", "$status x"),
        ("log_format x '$status x';  ", "$status x"),
        ("%h %>s", "%h %>s"),
        ('LogFormat "%h %>s" x', "%h %>s"),
    ):
        found = candidate_formats(RawFile(tmp_path, "access.log", settings={"log_format": stated})).formats[0]
        assert found.text == text, stated
    json_text = '{"s":"$status","u":"$uri"}'
    found = candidate_formats(RawFile(tmp_path, "access.log", settings={"log_format": json_text})).formats[0]
    assert (found.escape, found.name.message.id) == ("json", "log-format-stated")
    with pytest.raises(FormatError) as caught:
        candidate_formats(RawFile(tmp_path, "access.log", settings={"log_format": "no_such"}))
    said = messages_in(caught.value.args[0])["error-unknown-log-format"]
    assert said["format"] == "'no_such'" and said["known"] == ", ".join(sorted(STOCK))
