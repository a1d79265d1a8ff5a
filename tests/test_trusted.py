"""Seals: what a command of this user has written is known again, and nothing else is."""

import os
import subprocess
import sys

from watchme_analysis.trusted import seal

CODE = "import os, sys; from watchme_analysis.trusted import seal; print(seal('sent', os.environ))"


def test_seal_is_the_same_for_each_process_of_a_user_alone(tmp_path):
    def of(home):
        environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
        if home:
            environ["XDG_DATA_HOME"] = str(home)
        return subprocess.check_output([sys.executable, "-P", "-c", CODE], env=environ, text=True)

    first, again, other = of(tmp_path / "a"), of(tmp_path / "a"), of(tmp_path / "b")
    assert first.strip() == again.strip() == seal("sent", {"XDG_DATA_HOME": str(tmp_path / "a")})
    assert first != other
    assert (tmp_path / "a" / "watchme" / "key").stat().st_mode & 0o777 == 0o600
    # Without a folder, it holds for the process alone.
    (tmp_path / "file").touch()
    assert len({of(None), of(None), of(tmp_path / "file"), of(tmp_path / "file")}) == 4
