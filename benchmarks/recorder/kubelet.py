"""A kubelet's liveness probe of a service, and what kubectl would show of it.

Messages and reasons of events follow Kubernetes' ``pkg/kubelet`` (events/event.go, prober/prober.go), the
delays between restarts https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

from services import Service

START_DELAY_S = 2
FAILURE_THRESHOLD = 3
# The first restart follows at once. Each further one waits, twice as long each time.
FIRST_BACK_OFF_S = 10.0
HASH, SUFFIX = "6c9d7f5b8", "x2x7k"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Kubelet:
    """Probes ``/health`` of a service, and restarts the service after three failures in a row.

    Parameters
    ----------
    service
        The service, whose process becomes the container of a new pod.
    timeout_s, period_s
        ``timeoutSeconds`` and ``periodSeconds`` of the liveness probe.
    """

    def __init__(self, service: Service, timeout_s: float, period_s: float) -> None:
        self.service, self.timeout_s, self.period_s = service, timeout_s, period_s
        self.pod = f"{service.name}-{HASH}-{SUFFIX}"
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.restarts, self.started, self.ended = 0, _now(), ("", "")
        self.shown: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def deploy(self) -> None:
        """Replace the process by that of a new pod, and probe it until :meth:`leave`."""
        self.service.stop()
        self._event("Scheduled", f"Successfully assigned default/{self.pod} to node-1")
        self._start()
        self.watch()

    def watch(self) -> None:
        """Probe the running process until :meth:`leave`."""
        self._thread.start()

    def leave(self) -> None:
        """Keep what kubectl shows, stop probing, and start the service if it waits for its restart."""
        self.shown = self._files()
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        address, failures, back_off_s = self.service.address, 0, 0.0
        self._stop.wait(START_DELAY_S)
        while not self._stop.is_set():
            if error := self._failure(f"http://{address}/health", address):
                failures += 1
                self._event("Unhealthy", f"Liveness probe failed: {error}", "Warning")
            else:
                failures = 0
            if failures < FAILURE_THRESHOLD:
                self._stop.wait(self.period_s)
                continue
            name, failures = self.service.name, 0
            self._event("Killing", f"Container {name} failed liveness probe, will be restarted")
            self.service.stop()
            self.ended = (self.started, _now())
            if back_off_s:
                self._event(
                    "BackOff", f"Back-off restarting failed container {name} in pod {self.pod}", "Warning"
                )
                self._stop.wait(back_off_s)
            back_off_s = back_off_s * 2 or FIRST_BACK_OFF_S
            self.restarts += 1
            self._start()
            self._stop.wait(START_DELAY_S)

    def _failure(self, url: str, address: str) -> str:
        """Return the error of a probe, as the kubelet writes it; empty after a success."""
        try:
            with urllib.request.urlopen(url, timeout=self.timeout_s):
                return ""
        except urllib.error.HTTPError as error:
            return f"HTTP probe failed with statuscode: {error.code}"
        except ConnectionRefusedError:
            return f'Get "{url}": dial tcp {address}: connect: connection refused'
        except OSError as error:
            if "refused" in str(error):
                return f'Get "{url}": dial tcp {address}: connect: connection refused'
            return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'

    def _start(self) -> None:
        name = self.service.name
        self._event(
            "Pulled", f'Container image "registry.example.com/{name}:1.8.2" already present on machine'
        )
        self._event("Created", f"Created container: {name}")
        self.service.start()
        self.started = _now()
        self._event("Started", f"Started container {name}")

    def _event(self, reason: str, message: str, kind: str = "Normal") -> None:
        """Add an event; one that is repeated is counted."""
        event = self.events.setdefault((reason, message), {"firstTimestamp": _now(), "count": 0})
        event |= {
            "apiVersion": "v1",
            "kind": "Event",
            "type": kind,
            "reason": reason,
            "message": message,
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": self.pod},
            "metadata": {"name": f"{self.pod}.{len(self.events):08x}", "namespace": "default"},
            "source": {"component": "kubelet", "host": "node-1"},
            "lastTimestamp": _now(),
            "count": event["count"] + 1,
        }

    def _files(self) -> dict[str, str]:
        """Return the output of ``kubectl get events -o json`` and ``kubectl describe pod`` by file name."""
        events = {"apiVersion": "v1", "kind": "List", "items": list(self.events.values())}
        host, _, port = self.service.address.rpartition(":")
        ended, ready = "", self.started > self.ended[1]
        state = f"Running\n      Started:      {_day(self.started)}"
        if not ready:
            state = "Waiting\n      Reason:       CrashLoopBackOff"
        if self.ended[1]:
            ended = (
                "    Last State:     Terminated\n      Reason:       Error\n      Exit Code:    143\n"
                f"      Started:      {_day(self.ended[0])}\n      Finished:     {_day(self.ended[1])}\n"
            )
        described = f"""Name:             {self.pod}
Namespace:        default
Node:             node-1/192.0.2.8
Labels:           app={self.service.name}
                  pod-template-hash={HASH}
Status:           Running
IP:               {host}
Controlled By:    ReplicaSet/{self.service.name}-{HASH}
Containers:
  {self.service.name}:
    Image:          registry.example.com/{self.service.name}:1.8.2
    Port:           {port}/TCP
    Command:
      {self.service.command()}
    State:          {state}
{ended}    Ready:          {ready}
    Restart Count:  {self.restarts}
    Liveness:       http-get http://:{port}/health delay={START_DELAY_S}s timeout={self.timeout_s:g}s \
period={self.period_s:g}s #success=1 #failure={FAILURE_THRESHOLD}
"""
        return {"kubectl-events.json": json.dumps(events, indent=4) + "\n", "kubectl-describe.txt": described}


def _day(moment: str) -> str:
    """Return a time as ``kubectl describe`` prints it."""
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").strftime("%a, %d %b %Y %H:%M:%S +0000")
