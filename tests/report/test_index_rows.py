"""The index of reports renders each finished report once, and shows the same as if it rendered all."""

import json
import os
import re
import time

import pytest
from worlds.deliveries import at, diagnosis

from watchme_analysis.report.html_page import write_index


def report(folder, hour, cause="consumer_failing", **more):
    made = folder / f"{at(hour):%Y%m%dT%H%M%SZ}-backlog-orders"
    made.mkdir()
    result = {"status": "ok", "question": "backlog", "case": "orders", "started_at": at(hour).isoformat()}
    result |= {"diagnosis": diagnosis(start=hour, cause=cause), "parameters": {"language": "en"}}
    (made / "result.json").write_text(json.dumps(result | more))
    return made


def test_damaged_rows_and_foreign_results_are_harmless(tmp_path):
    report(tmp_path, 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "result.json").write_text("[]")
    page = write_index(tmp_path).read_text()
    assert "other" in page
    for damage in ("", "{}", "[" * 9999, '{"form": 1}'):
        (tmp_path / ".index-rows.json").write_text(damage)
        assert write_index(tmp_path).read_text() == page


@pytest.mark.slow
def test_the_index_of_thousands_of_reports_is_written_at_once(tmp_path):
    for number in range(400):
        report(tmp_path, number / 10)
    write_index(tmp_path)
    report(tmp_path, 500)
    began, used = time.monotonic(), os.times().user
    write_index(tmp_path)
    # The processor's time, since others may use it as well. Rendering all rows takes longer.
    assert os.times().user - used < 0.3, time.monotonic() - began


def test_plain_links_show_the_reports_of_a_system(tmp_path):
    for hour, system in ((1, "orders"), (2, "refunds <b>"), (3, "orders")):
        folder = report(tmp_path, hour)
        (folder / "notice.json").write_text(json.dumps({"system": system, "incident": None}))
    page = write_index(tmp_path).read_text()
    links = dict(re.findall(r'<a href="#(s\w+)">([^<]+)</a>', page))
    assert sorted(links.values()) == ["orders", "refunds &lt;b&gt;"]
    shown = {name: len(re.findall(rf'<article class="[^"]*\b{of}"', page)) for of, name in links.items()}
    assert shown == {"orders": 2, "refunds &lt;b&gt;": 1}
    assert all(f'<span id="{of}">' in page and f"#{of}:target ~" in page for of in links)
    assert "<script" not in page


def test_a_result_links_only_to_files_of_its_own_report(tmp_path):
    (tmp_path / "outside.ipynb").write_text("{}")
    report(tmp_path, 1, notebook="../outside.ipynb")
    own = report(tmp_path, 2, notebook="own.ipynb")
    (own / "own.ipynb").write_text("{}")
    page = write_index(tmp_path).read_text()
    assert "own.ipynb" in page and "outside.ipynb" not in page
