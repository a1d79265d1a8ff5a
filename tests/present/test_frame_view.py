"""The first rows of a frame with types and query."""

from zoneinfo import ZoneInfo

import pandas as pd

from watchme_analysis.present.frame_view import FrameView

TOKYO = ZoneInfo("Asia/Tokyo")


def shown(frame, query="", **options):
    return FrameView(frame, "page.x.frame", query, TOKYO, **options)._repr_mimebundle_()


def test_a_frame_shows_its_types_its_first_rows_and_its_query():
    times = pd.to_datetime(["2026-03-04T00:00:00Z", "2026-03-04T01:00:00Z"]).as_unit("us")
    frame = pd.DataFrame({"time": times, "n": pd.array([1, None], dtype="Int64"), "text": ["a" * 90, "b"]})
    bundle = shown(frame, "select 1 < 2", limit=1)
    lines = bundle["text/plain"].splitlines()
    assert lines[1].split("  ")[0] == "time, Asia/Tokyo" and "Int64" in lines[1]
    assert lines[2].startswith("2026-03-04 09:00:00") and "a" * 60 not in lines[2]
    assert lines[3] == "page.x.frame · 1 of 2 rows"
    assert "<pre>select 1 &lt; 2</pre>" in bundle["text/html"]
    assert "<details>" not in shown(frame)["text/html"]


def test_a_secret_and_markup_in_a_frame_are_not_shown():
    bundle = shown(pd.DataFrame({"password": ["hunter2hunter2"], "<b>": ["<script>"]}))
    assert "hunter2" not in bundle["text/html"] + bundle["text/plain"]
    assert "<script>" not in bundle["text/html"] and "&lt;script&gt;" in bundle["text/html"]


def test_an_empty_frame_shows_its_columns():
    assert (
        "page.x.frame · 0 of 0 rows" in shown(pd.DataFrame({"n": pd.array([], dtype="Int64")}))["text/plain"]
    )
