import bz2
import gzip
import json
import lzma
from functools import partial
from io import BytesIO

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchme_analysis.files.evidence_file import RawFile, Spill, load_json, read_content


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
