"""Links of a page into the AWS console need one region and account, and disappear in redacted cases."""

from types import SimpleNamespace

import pandas as pd
import pytest

from watchme_analysis.aws_shapes.console_links import Place
from watchme_analysis.notebook.console_links import place_of

TOKYO = ("ap-northeast-1", "123456789012")


def case(*places, redacted=None, arns=()):
    tables = {
        "queues": pd.DataFrame(places, columns=["region", "account_id"]),
        "functions": pd.DataFrame({"arn": list(arns)}),
    }
    return SimpleNamespace(manifest={"redacted": redacted}, table=tables.__getitem__)


@pytest.mark.parametrize("level", [None, "secrets"])
def test_the_place_is_that_of_the_queues(level):
    assert place_of(case(TOKYO, TOKYO, redacted=level)) == Place(*TOKYO)


def test_without_queues_the_place_is_that_of_the_functions():
    assert place_of(case(arns=["arn:aws:lambda:eu-west-1:123456789012:function:a"])) == Place(
        "eu-west-1", "123456789012"
    )


@pytest.mark.parametrize("level", ["ids", "share"])
def test_a_redacted_case_has_no_place(level):
    assert place_of(case(TOKYO, redacted=level)) is None


def test_an_unknown_or_ambiguous_place_is_none():
    assert place_of(case()) is None
    assert place_of(case(TOKYO, ("eu-west-1", "123456789012"))) is None
