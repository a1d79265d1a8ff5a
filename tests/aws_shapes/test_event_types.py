from worlds.together import together

from watchme_analysis.aws_shapes.cloudtrail import event_kind


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
