"""Every format reads the sample lines that stand beside it, by every engine."""

from datetime import UTC

import pytest

from watchme_analysis.access_logs.engine.engine import ENGINES
from watchme_analysis.access_logs.formats import json_proxies, labelled, load_balancer, text_proxies, w3c
from watchme_analysis.access_logs.formats.stock import STOCK_FORMATS
from watchme_analysis.access_logs.scan import LogOptions, read_access_logs

SAMPLES = [
    *((found.name, line) for found in STOCK_FORMATS for line in found.samples),
    *((found.name, line) for found in text_proxies.PROXIES for line in found.samples),
    *(("JSON", line) for found in json_proxies.PROXIES for line in found.samples),
    *labelled.SAMPLES,
    *((load_balancer.NAME, line) for line in load_balancer.SAMPLES),
    *((w3c.NAME, text) for text in w3c.SAMPLES),
]


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_a_format_reads_its_samples(tmp_path, name, sample, engine):
    (tmp_path / "access.log").write_bytes(sample.rstrip("\r\n").encode() + b"\n")

    frame, how = read_access_logs([tmp_path / "access.log"], LogOptions(engine=engine, zone=UTC))
    (account,) = how.parts

    assert not account.rejected
    assert len(frame) == account.lines - account.blank_lines > 0
    assert f"log_format {name}" in account.notes
    assert frame["time"].notna().all() and frame["status"].notna().all()
    assert (frame["path"].notna() | frame["request"].notna()).all()
