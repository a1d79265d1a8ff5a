"""A real Nginx for tests: its program, a free port, and waiting until it listens."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


def free_port():
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def await_listening(port, server):
    """Wait until ``server``, a process whose standard error is a pipe, listens on the port."""
    for _ in range(200):
        assert server.poll() is None, server.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not listen")


@contextmanager
def running(folder, port):
    """Run Nginx with the folder's ``nginx.conf``, which says ``daemon off``, while the block runs."""
    command = [NGINX, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf", "-p", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            await_listening(port, process)
            yield
        finally:
            process.terminate()


def temp_paths(folder):
    """Return the directives that keep all temporary files of Nginx in the folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
