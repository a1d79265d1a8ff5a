"""Causes as data: a new file with its page is found wherever causes are listed."""

import re
import shutil
from pathlib import Path

import pytest
from worlds.health_scenarios import edge_refuses
from worlds.health_world import investigate

from watchme_analysis.health import detectors
from watchme_analysis.health import diagnosis as health
from watchme_analysis.inference import causes as cause_files
from watchme_analysis.inference.causes import cause_names
from watchme_analysis.present.finding import findings_view
from watchme_analysis.present.matrix import plot_evidence_matrix
from watchme_analysis.report import cause_page
from watchme_analysis.services.diagnose import absent_tables, causes_of
from watchme_analysis.text.catalogue import catalogue
from watchme_analysis.text.message import Message
from watchme_analysis.text.render import render
from watchme_analysis.window import parse_zone

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


@pytest.fixture
def with_moon(tmp_path, monkeypatch):
    """The question with one more cause: a file and a page."""
    folder = tmp_path / "causes"
    shutil.copytree(Path(detectors.__file__).parent / "causes", folder)
    (folder / "moon_phase.toml").write_text(NEW)
    pages = tmp_path / "pages"
    shutil.copytree(cause_page.PAGES, pages)
    (pages / "moon_phase.md").write_text("# moon_phase: the moon\n\n## Confirm\n\nLook up.\n")
    real = cause_files.cause_folder
    monkeypatch.setattr(
        cause_files, "cause_folder", lambda question: folder if question == "health" else real(question)
    )
    monkeypatch.setattr(cause_page, "PAGES", pages)
    for cached in (cause_files.causes, detectors.health_causes):
        cached.cache_clear()
    yield
    for cached in (cause_files.causes, detectors.health_causes):
        cached.cache_clear()


@pytest.mark.slow
def test_a_cause_file_and_its_page_are_all_that_a_new_cause_needs(with_moon):
    inv = investigate(edge_refuses())
    said = health.diagnose(inv)
    assert said.ranking[0].finding.cause == "moon_phase"
    found = next(entry for entry in said.to_dict()["ranking"] if entry["cause"] == "moon_phase")
    inherited = {"fate_edge_responded"}
    assert {item["signal"] for item in found["evidence"]} == {"fate_edge_responded", "some_paths"} | inherited
    assert "https://HOST/svc/healthz" in found["next_test"]
    assert found["not_covered"] == ["No compose_settings: the tides could not be seen.", "The far side."]
    assert "moon_phase" in str(plot_evidence_matrix(said.ranking, cause_names("health")).alt)
    titles = {one.cause: one.title for one in causes_of("health")}
    shown = findings_view(said.ranking, titles, parse_zone("UTC"))._repr_mimebundle_()
    assert "The moon stands in the way" in str(shown)
    japanese = findings_view(said.ranking, titles, parse_zone("UTC"), "ja")._repr_mimebundle_()["text/plain"]
    assert "月がエンドポイントを遮っている" in japanese
    assert "https://HOST/svc/healthz の方向を見上げてください。" in japanese
    assert "潮の満ち引き" in japanese
    assert "moon_phase" in absent_tables(inv)["compose_settings"]
    page = cause_page.remedy_page({"question": "health", "verdict": "supported", "cause": "moon_phase"}, "en")
    assert "Look up." in cause_page.steps(page["moon_phase"])


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
