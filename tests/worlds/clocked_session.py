"""A session with the clock of a `worlds.queue_service` account, which a test can kill at any call."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchme_analysis.cloudwatch.session import Aws
from worlds.kills import KilledError


class Plan:
    """What happens during a run: it dies at a call, or somebody acts before a call.

    Parameters
    ----------
    kill
        Operation, which of its calls (counted from 1), and "before" or "after" the call takes effect.
    act_at, act
        Number of the call, counted from 1, before which ``act()`` is called.
    """

    def __init__(self, kill=None, act_at=None, act=None):
        self.kill, self.act_at, self.act = kill, act_at, act
        self.calls, self.dead, self.number = {}, False, 0

    def before(self, operation):
        self.number += 1
        if self.act and self.number == self.act_at:
            self.act()
        self.calls[operation] = self.calls.get(operation, 0) + 1
        self._end(operation, "before")

    def after(self, operation):
        self._end(operation, "after")

    def _end(self, operation, moment):
        # A killed process makes no further call, whatever its handlers and `finally` clauses ask for.
        self.dead = self.dead or self.kill == (operation, self.calls[operation], moment)
        if self.dead:
            raise KilledError


@dataclass
class ClockedAws(Aws):
    """A session that waits by moving the clock of ``server.service``."""

    server: Any = None
    plan: Any = None

    def now(self):
        return datetime.fromtimestamp(self.server.service.clock.now, UTC)

    def sleep(self, seconds):
        if seconds > 0:
            with self.server.lock:
                self.server.service.clock.advance(seconds)

    def call(self, service, operation, **parameters):
        name = "".join(each.title() for each in operation.split("_"))
        self.plan.before(name)
        response = super().call(service, operation, **parameters)
        self.plan.after(name)
        return response
