import bz2
import gzip
import io
import json
import lzma
import os
import tempfile
from datetime import UTC
from functools import partial
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.messages import messages_in
from worlds.together import together

from watchme_analysis.errors import InputError
from watchme_analysis.files import evidence_file
from watchme_analysis.files.evidence_file import (
    RawFile,
    Source,
    Spill,
    first_bytes,
    is_file_below,
    link_problem,
    load_json,
    one_table,
    read_content,
    size_key,
)
from watchme_analysis.limits import MIB, Limits


def test_plain_data_stays_as_it_is():
    assert read_content(BytesIO(b"plain")) == (b"plain", None)


def test_gzip_members_are_joined():
    packed = gzip.compress(b"one\n" * 50_000) + gzip.compress(b"two\n")
    data, problem = read_content(BytesIO(packed))
    assert problem is None
    assert data == b"one\n" * 50_000 + b"two\n"


PACKINGS = {
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    "bzip2": bz2.compress,
    "xz": partial(lzma.compress, preset=0),  # which takes a tenth of the usual time
}


@pytest.mark.slow
@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS)
def test_other_ways_to_pack_are_read_and_torn_alike(tmp_path, pack):
    data = "".join(f"{number**3 % 1000003}\n" for number in range(400_000)).encode()
    packed = pack(data)
    torn = read_content(BytesIO(packed[:-100]))

    assert read_content(BytesIO(packed)) == (data, None)
    assert data.startswith(torn.data)
    assert len(torn.data) > 1_000_000
    assert "ends early" in torn.problem
    (tmp_path / "access.log").write_bytes(packed)
    large = RawFile(tmp_path, "access.log", spill=Spill(tmp_path, 1000))
    assert large.is_large
    assert large.head(100) == data[:100]


def test_torn_gzip_keeps_its_good_part_and_says_so():
    lines = "".join(f"line {number}\n" for number in range(50_000)).encode()
    packed = gzip.compress(lines)
    data, problem = read_content(BytesIO(packed[: len(packed) // 2]))
    assert "ends early" in problem
    assert lines.startswith(data)
    assert len(data) > len(lines) // 4


@pytest.mark.slow
def test_damaged_gzip_keeps_what_came_before_and_says_so():
    lines = b"".join(bytes([number % 251]) * 7 + str(number).encode() for number in range(80_000))
    packed = bytearray(gzip.compress(lines))
    assert len(packed) > 3 * 65536
    packed[150_000:150_064] = b"\xff" * 64
    data, problem = read_content(BytesIO(packed))
    assert problem is not None
    assert len(data) > 1000


def test_trailing_rubbish_is_reported_and_padding_is_not():
    assert read_content(BytesIO(gzip.compress(b"x") + b"\0" * 512)).problem is None
    assert "not gzip data" in read_content(BytesIO(gzip.compress(b"x") + b"further bytes")).problem


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=25)
@given(values)
def test_whole_json_is_read_without_a_problem(value):
    assert load_json(json.dumps(value).encode()) == (value, None)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5)), max_size=6), st.data()
)
def test_torn_json_keeps_every_whole_record(records, data):
    text = json.dumps({"records": records}).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    value, problem = load_json(text[:cut])
    assert problem is not None
    kept = (value or {}).get("records", [])
    assert kept[:-1] == records[: max(len(kept) - 1, 0)]
    whole = sum(
        1 for number in range(len(records)) if len(json.dumps({"records": records[: number + 1]})) - 2 <= cut
    )
    assert kept[:whole] == records[:whole]


def test_torn_json_ends_with_no_element_of_which_nothing_came():
    assert load_json(b'{"results": [[{"fie')[0] == {"results": []}
    assert load_json(b'[{"a": 1}, {"b')[0] == [{"a": 1}]


def test_rubbish_is_no_json():
    value, problem = load_json(b"<html>")
    assert value is None
    assert problem


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("app-emotion.log", "emotion"),
        ("app.log", None),
        ("app_emotion.log.1.gz", "emotion"),
        ("app.log.1", None),
    ],
)
def test_suffix_names_the_service(tmp_path, name, service):
    assert RawFile(tmp_path, name).service("app") == service


def test_the_first_bytes_of_a_file_are_a_file_of_their_own():
    inner = BytesIO(b"0123456789")
    first = first_bytes(inner, 6)
    assert (first.readable(), first.seekable()) == (True, True)
    assert (first.read(4), first.read(), first.read()) == (b"0123", b"45", b"")
    assert (first.seek(-2, io.SEEK_END), first.read()) == (4, b"45")
    assert (first.seek(1), first.read(2), first.seek(1, io.SEEK_CUR), first.read()) == (1, b"12", 4, b"45")
    assert (first.seek(8), first.read()) == (8, b"")
    first.close()
    assert inner.closed


def test_the_limits_of_a_file_are_named(tmp_path):
    size = read_content(BytesIO(b"x" * (MIB + 1)), Limits(file_mib=1))
    assert (len(size.data), messages_in(size.problem.message)["problem-size"]["read"]) == (MIB, "1 MiB")
    lines = read_content(BytesIO(b"a\nb\nc"), Limits(lines=1))
    assert lines.data == b"a\n"
    assert messages_in(lines.problem.message)["problem-lines"]["lines"] == 1
    assert messages_in(lines.problem.message)["limit-reached"]["limit"] == "lines = 1"
    assert read_content(BytesIO(b"a\nb"), Limits(lines=1)) == (b"a\nb", None)


@together(
    ("text", "value", "is_whole"),
    [
        ('{"a": [1, {"b": 2}, {', {"a": [1, {"b": 2}]}, False),
        ('[{"a": 1}, {"b": [2', [{"a": 1}, {"b": []}], False),
        ("[1, 23", [1], False),  # a digit may be missing
        ('[1, "23"', [1, "23"], False),
        ('{"a": 1, "b', {"a": 1}, False),
        ('{"a": 1, "b"', {"a": 1}, False),
        ('{"a": 1, "b":', {"a": 1}, False),
        ('{"a": "b"', {"a": "b"}, False),
        ('{"a": [', {"a": []}, False),
        ("[1] [2]", [1], False),
        ("[1, 2}", [1, 2], False),
        ("\ufeff [1]\n ", [1], True),
        ("", None, False),
    ],
)
def test_json_is_read_up_to_where_it_was_cut(text, value, is_whole):
    found, problem = load_json(text.encode())
    assert found == value
    assert (problem is None) is is_whole
    assert is_whole or "problem-json" in messages_in(problem.message)


def test_json_that_is_nested_without_an_end_is_text_below_a_hundred_levels():
    value, problem = load_json(b"[" * 30_000 + b"]" * 30_000)
    for _ in range(100):
        (value,) = value
    assert (value, problem) == ("[" * 29_900 + "]" * 29_900, None)


def test_links_are_followed_within_the_folder_alone(tmp_path):
    root = tmp_path / "evidence"
    (root / "below").mkdir(parents=True)
    (root / "below" / "app.log").write_text("a")
    (tmp_path / "secret").write_text("b")
    (root / "inside").symlink_to(root / "below" / "app.log")
    (root / "outside").symlink_to(tmp_path / "secret")
    (root / "nowhere").symlink_to(root / "missing")
    (root / "loop").symlink_to(root / "loop")
    assert link_problem(root, root / "below" / "app.log") == ""
    assert link_problem(root, root / "inside") == ""
    outside = link_problem(root, root / "outside")
    assert messages_in(outside.message) == {"left-link-outside": {"target": str(tmp_path / "secret")}}
    for name in ("nowhere", "loop"):
        assert messages_in(link_problem(root, root / name).message) == {"left-link-nowhere": {}}
    found = {
        name: is_file_below(root, name)
        for name in ("below/app.log", "inside", "outside", "nowhere", "below", "../secret", "a\0", "x" * 5000)
    }
    assert [name for name, is_below in found.items() if is_below] == ["below/app.log", "inside"]


def test_files_beside_one_another_are_found_once(tmp_path):
    for name in ("app.log", "app.log.1.gz", "access.log", "sub/app.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    (tmp_path / "app.log.2").mkdir()
    (tmp_path / "app.log.3").symlink_to("/etc/hostname")
    raw = RawFile(tmp_path, "access.log", UTC, {"format": "x"}, known={})
    found = raw.beside("app.log*", "*.conf")
    assert [one.relative for one in found] == ["app.log", "app.log.1.gz"]
    assert all((one.settings, one.zone) == ({"format": "x"}, UTC) for one in found)
    assert all(one.known is raw.known for one in found)
    (tmp_path / "app.log.4").write_text("a")
    assert len(raw.beside("app.log*", "*.conf")) == 2, "the folder is searched once"
    assert len(raw.beside("app.log*")) == 3
    assert [one.relative for one in RawFile(tmp_path, "sub/x.log", known=raw.known).beside("app.log*")] == [
        "sub/app.log"
    ]


def test_a_search_is_made_once_per_folder(tmp_path):
    calls = []
    raw = RawFile(tmp_path, "a.log")
    other = RawFile(tmp_path, "b.log", known=raw.known)
    assert raw.once("key", lambda: calls.append(1)) is None
    assert other.once("key", lambda: calls.append(2)) is None
    assert other.once("other", lambda: calls.append(3)) is None
    assert RawFile(tmp_path, "sub/c.log", known=raw.known).once("key", lambda: "there") == "there"
    assert calls == [1, 3]


def test_bytes_that_were_added_to_a_file_are_not_read(tmp_path):
    (tmp_path / "app.log").write_bytes(b"one\ntwo\n")
    raw = RawFile(tmp_path, "app.log", known={size_key("app.log"): 4})
    assert (raw.content, raw.head()) == ((b"one\n", None), b"one\n")
    assert RawFile(tmp_path, "app.log").content == (b"one\ntwo\n", None)


def test_a_file_that_cant_be_read_is_an_error_with_its_path(tmp_path):
    with pytest.raises(InputError) as caught:
        _ = RawFile(tmp_path, "gone.log").content
    assert messages_in(caught.value.args[0])["error-file-unreadable"]["path"] == str(tmp_path / "gone.log")


@together(
    ("size", "first", "is_large"),
    [
        (99, b"a", False), (1000, b"a", True), (999, b"a", False),
        (100, b"\x1f\x8b", True), (99, b"\x1f\x8b", False), (999, b"BZh", True),
    ],
)  # fmt: skip
def test_a_file_is_large_by_what_it_unpacks_to(size, first, is_large):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "access.log").write_bytes(first.ljust(size, b"x"))
        raw = RawFile(root, "access.log", spill=Spill(root, 1000))
        assert raw.is_large is is_large
        assert not RawFile(root, "access.log").is_large


def test_of_a_large_file_only_its_head_is_read(tmp_path):
    data = b"".join(b"%d\n" % number for number in range(20_000))
    for name, stored in (("plain.log", data), ("packed.log.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(stored)
        large = RawFile(tmp_path, name, spill=Spill(tmp_path, 1000))
        assert large.head(100) == data[:100]
        assert large.head() == data[:65536]
        assert "content" not in vars(large)
        small = RawFile(tmp_path, name)
        assert (small.head(100), small.content.data) == (data[:100], data)
        # What was read already is not read again.
        assert large.content.data == data
        (tmp_path / name).unlink()
        assert large.head(10) == data[:10]


@together(
    ("name", "pattern", "fits"),
    [
        ("nginx/access.log", "access.log", True),
        ("nginx/access.log.gz", "access.log", True),
        ("nginx/my-access.log", "access.log", False),
        ("a/nginx/access.log", "nginx/*.log", True),
        ("nginx/access.log", "nginx/*.log", True),
        ("my-nginx/access.log", "nginx/*.log", False),
        ("nginx/access.log", "nginx", False),
    ],
)
def test_a_reader_knows_a_file_by_its_name(name, pattern, fits):
    source = Source("own", (), ("other", pattern), lambda raw: True, lambda raw: ())
    assert source.knows_name(RawFile(Path(), name)) is fits
    assert source.declined(RawFile(Path(), name)) is None
    assert (source.by_content, source.keep, source.finish, source.samples) == (False, False, None, ())


@together(
    ("name", "unpacked"),
    [("a.log.gz", "a.log"), ("a.log.1.zst", "a.log.1"), ("a.bz2", "a"), ("a.xz", "a"), ("a.zip", "a.zip")],
)
def test_a_name_has_no_ending_of_a_packing(name, unpacked):
    assert evidence_file.unpacked_name(name) == unpacked
    assert RawFile(Path("/evidence"), name).path == Path("/evidence") / name


def test_a_name_that_is_no_text_is_shown_escaped_and_opened_as_it_is(tmp_path):
    name = os.fsdecode(b"caf\xe9.log")
    (tmp_path / name).write_bytes(b"a")
    raw = RawFile(tmp_path, name)
    assert (raw.relative, raw.on_disk, raw.content.data) == ("caf\\xe9.log", name, b"a")


def test_one_table_is_one_part():
    (part,) = one_table("probes", lambda raw: (raw, "retrieval"))("raw")
    assert part == ("probes", "raw", "retrieval", None)
