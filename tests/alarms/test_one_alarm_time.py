"""A standard alarm has one name and one time on every surface that people and agents read."""

import re
from datetime import datetime

import pytest

from watchme_analysis.mcp.tools import Tools
from watchme_analysis.report.postmortem import postmortem
from watchme_analysis.text.formats import format_time


def fired(alarms, zone):
    """Return name, resource and time, as a page writes it, of each alarm that would have fired."""
    return {
        (one["alarm"], one["resource"], format_time(datetime.fromisoformat(one["first"]), zone))
        for one in alarms
        if one["first"]
    }


@pytest.mark.slow
def test_every_surface_states_an_alarm_by_one_name_and_time(shorter, shorter_page):
    zone = shorter_page.zone
    page = {tuple(row[:3]) for row in shorter_page.alarms().rows}
    assert len(page) >= 2
    alarms = shorter_page.diagnosis.to_dict()["alarms"]
    assert fired([{**one, **one["sliding"]} for one in alarms], zone) == page
    # Whole periods of the clock give other times here, so that a surface that mixes both is seen.
    assert fired(alarms, zone) != page
    agent = Tools((shorter.path.parent,)).diagnose(shorter.path.name, "backlog")["backlog"]
    assert fired(agent["alarms"], zone) == page
    assert not any("sliding" in one for one in agent["alarms"])
    text = postmortem(shorter_page).replace("\\", "")
    lines = re.findall(r"^\| ([^|]+) \| The alarm (\S+) on (\S+) would have fired", text, re.MULTILINE)
    assert {(name, resource, time) for time, name, resource in lines} == page
