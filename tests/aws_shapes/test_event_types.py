import re

from worlds.together import together

from watchme_analysis.aws_shapes.cloudtrail import EVENT_TYPES, LOOKED_UP_EVENTS, event_kind
from watchme_analysis.aws_shapes.responses import fields, integer, unchanged


@together(
    ("name", "kind"),
    [
        ("UpdateFunctionCode20150331v2", "function_code"),
        ("UpdateFunctionCode", "function_code"),
        ("PurgeQueue", "purge"),
        ("StopInstances", "instance_power"),
        ("TerminateInstances", "host"),
        ("RevokeSecurityGroupIngress", "host"),
        ("DetachRolePolicy", "permissions"),
        ("DescribeInstances", None),
        (None, None),
    ],
)
def test_an_event_has_one_kind_with_and_without_its_api_version(name, kind):
    assert event_kind(name) == kind


def test_an_event_has_its_kind_with_its_api_version():
    for name, event_type in EVENT_TYPES.items():
        assert event_kind(name + event_type.api_version) == event_type.kind
    assert len(LOOKED_UP_EVENTS) == len(set(LOOKED_UP_EVENTS)) == 26
    assert all(re.sub(r"\d{8}(v\d)?$", "", name) in EVENT_TYPES for name in LOOKED_UP_EVENTS)


def test_fields_follow_a_path_through_objects_and_miss_nothing_by_error():
    table = {"limit": ("ScalingConfig.MaximumConcurrency", integer), "name": ("Name", unchanged)}
    assert fields({"ScalingConfig": {"MaximumConcurrency": "5"}}, table) == {"limit": 5, "name": None}
    assert fields({"ScalingConfig": "x", "Name": "a"}, table) == {"limit": None, "name": "a"}
