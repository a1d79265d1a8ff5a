import os

import pytest
from worlds import queue_endpoint, queue_service
from worlds.clocked_session import ClockedAws, Plan

from watchme_analysis.cloudwatch.session import RateLimits, SessionTarget


@pytest.fixture(scope="module")
def queue_server():
    """An endpoint for accounts of `worlds.queue_service`."""
    server = queue_endpoint.Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def clocked(queue_server):
    """A session of this endpoint; `dataclasses.replace` gives it another plan."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        target = SessionTarget(region=queue_service.REGION, endpoint_url=queue_server.url)
        pace = RateLimits(gap_s=0, backoff_s=0.1, max_backoff_s=1.0)
        yield ClockedAws(target, pace, server=queue_server, plan=Plan())
