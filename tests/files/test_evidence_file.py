import gzip
import json
import os
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds.messages import messages_in

from watchme_analysis.files.evidence_file import (
    RawFile,
    is_file_below,
    link_problem,
    load_json,
    read_content,
    size_key,
)
from watchme_analysis.limits import MIB, Limits


def test_torn_gzip_keeps_its_good_part_and_says_so():
    lines = "".join(f"line {number}\n" for number in range(50_000)).encode()
    packed = gzip.compress(lines)
    data, problem = read_content(BytesIO(packed[: len(packed) // 2]))
    assert "ends early" in problem
    assert lines.startswith(data)
    assert len(data) > len(lines) // 4


@pytest.mark.slow
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


def test_the_limits_of_a_file_are_named(tmp_path):
    size = read_content(BytesIO(b"x" * (MIB + 1)), Limits(file_mib=1))
    assert (len(size.data), messages_in(size.problem.message)["problem-size"]["read"]) == (MIB, "1 MiB")
    lines = read_content(BytesIO(b"a\nb\nc"), Limits(lines=1))
    assert lines.data == b"a\n"
    assert messages_in(lines.problem.message)["problem-lines"]["lines"] == 1
    assert messages_in(lines.problem.message)["limit-reached"]["limit"] == "lines = 1"
    assert read_content(BytesIO(b"a\nb"), Limits(lines=1)) == (b"a\nb", None)


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


def test_bytes_that_were_added_to_a_file_are_not_read(tmp_path):
    (tmp_path / "app.log").write_bytes(b"one\ntwo\n")
    raw = RawFile(tmp_path, "app.log", known={size_key("app.log"): 4})
    assert (raw.content, raw.head()) == ((b"one\n", None), b"one\n")
    assert RawFile(tmp_path, "app.log").content == (b"one\ntwo\n", None)


def test_a_name_that_is_no_text_is_shown_escaped_and_opened_as_it_is(tmp_path):
    name = os.fsdecode(b"caf\xe9.log")
    (tmp_path / name).write_bytes(b"a")
    raw = RawFile(tmp_path, name)
    assert (raw.relative, raw.on_disk, raw.content.data) == ("caf\\xe9.log", name, b"a")
