"""Causes as data: a new file with its page is found wherever causes are listed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from watchme_analysis.health import detectors
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import Message
from watchme_analysis.text.render import render

PACKAGE = Path(detectors.__file__).parents[1]
NEW = """
title = "The moon stands in the way of the endpoint"
name = "the moon"
layer = "edge"
page = "moon_phase.md"
blind_spots = ["the far side"]
next_test = "Look up at {public_url}."

[ja]
title = "月がエンドポイントを遮っている"
next_test = "{public_url} の方向を見上げてください。"
needs = {compose_settings = "潮の満ち引き"}

[needs]
compose_settings = "the tides"

[grades]
fate_edge_responded = "decisive"  # Full moons answer by themselves.
some_paths = "decisive"  # The moon shines on some paths.
"""


LOOK = """
import json
from worlds.health_scenarios import edge_refuses
from worlds.health_world import investigate
from watchme_analysis.health.diagnosis import diagnose
from watchme_analysis.inference.causes import cause_names, causes
from watchme_analysis.present.finding import findings_view
from watchme_analysis.present.matrix import plot_evidence_matrix
from watchme_analysis.report.cause_page import remedy_page, steps
from watchme_analysis.services.diagnose import absent_tables
from watchme_analysis.window import parse_zone

inv = investigate(edge_refuses())
said = diagnose(inv)
document = said.to_dict()
titles = {cause.cause: cause.title for cause in causes("health")}
zone = parse_zone("UTC")
shown = {
    language: findings_view(said.ranking, titles, zone, language)._repr_mimebundle_()["text/plain"]
    for language in ("en", "ja")
}
[page] = remedy_page(dict(document, verdict="supported"), "en").values()
matrix = plot_evidence_matrix(said.ranking, cause_names("health")).alt
print(json.dumps([document, shown, matrix, absent_tables(inv)["compose_settings"], steps(page)]))
"""


@pytest.mark.slow
def test_a_cause_file_and_its_page_are_all_that_a_new_cause_needs(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PACKAGE.parent / "docs" / "causes", tmp_path / "docs" / "causes")
    (tmp_path / PACKAGE.name / "health" / "causes" / "moon_phase.toml").write_text(NEW)
    (tmp_path / "docs" / "causes" / "moon_phase.md").write_text(
        "# moon_phase: the moon\n\n## Confirm\n\nLook up.\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(PACKAGE.parent / "tests")])
    run = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=True,
    )
    document, shown, matrix, needed_by, steps = json.loads(run.stdout)
    assert document["cause"] == "moon_phase"
    found = document["ranking"][0]
    assert {item["signal"] for item in found["evidence"]} == {"fate_edge_responded", "some_paths"}
    assert "https://HOST/svc/healthz" in found["next_test"]
    assert found["not_covered"] == ["No compose_settings: the tides could not be seen.", "The far side."]
    assert "moon_phase" in matrix and "moon_phase" in needed_by
    assert "The moon stands in the way" in shown["en"]
    assert "月がエンドポイントを遮っている" in shown["ja"]
    assert "https://HOST/svc/healthz の方向を見上げてください。" in shown["ja"]
    assert "潮の満ち引き" in shown["ja"]
    assert "Look up." in steps


def test_every_cause_has_its_own_page():
    found = detectors.health_causes()
    assert all(one.page == f"{one.cause}.md" for one in found if not one.complement)
    assert [one.cause for one in found if one.complement] == ["none"]
    for one in found:
        assert one.cannot_see, one.cause


def test_every_text_of_a_cause_is_there_in_japanese():
    for one in detectors.health_causes():
        tests = one.next_tests.values()
        texts = [one.title, one.name, one.next_test, *one.needs.values(), *one.cannot_see, *tests]
        assert all(isinstance(text, Message) for text in texts), one.cause
        for text in texts:
            english, japanese = ({*re.findall(r"\{\w+\}", render(text, name))} for name in ("en", "ja"))
            assert japanese == english, (one.cause, render(text))


def test_every_group_of_signals_has_a_name_in_the_catalogues():
    assert {f"check-{one.group.replace(' ', '-')}" for one in detectors.SIGNALS.values()} <= catalogue(
        "ja"
    ).ids
