"""The guard as the action of an alarm: EventBridge starts one run of it on an instance, by Systems Manager.

EventBridge never restarts the service itself, so the check, evidence, cool-down, limit of a day and
verification of the guard apply.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


def alarm_template(alarm: str, instance: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return a CloudFormation template that runs the guard when an alarm changes to ALARM.

    ``arguments`` are those of the program ``watchme``. An instance that is not the id of one EC2 instance is
    an InputError: a pattern would permit others.
    """
    if not _INSTANCE.fullmatch(instance):
        raise InputError(error_message("error-guard-export-instance"))
    text = Path(__file__).with_name("guard_export.yaml").read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.safe_load(text.replace("INSTANCE", instance))
    rule = template["Resources"]["GuardRule"]["Properties"]
    rule["EventPattern"]["detail"]["alarmName"] = [alarm]
    # The path of the program is a parameter within the JSON text of the command.
    before, after = json.dumps({"commands": [f"\0 {shlex.join(arguments)}"]}).split("\\u0000")
    rule["Targets"][0]["Input"] = {"Fn::Join": ["", [before, {"Ref": "Program"}, after]]}
    return template
