import os
import subprocess
import sys
from pathlib import Path

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.daemon.lock import holder, role_lock
from xinf.daemon.roles import Role


def test_a_role_has_one_holder_and_the_other_is_told_who(tmp_path: Path) -> None:
    with role_lock(tmp_path, Role.CONTROL):
        with pytest.raises(XinfError) as caught, role_lock(tmp_path, Role.CONTROL):
            pass
        assert caught.value.code is ErrorCode.ALREADY_RUNNING
        assert f"pid {os.getpid()}" in str(caught.value)
        with role_lock(tmp_path, Role.WORKER):
            pass
    with role_lock(tmp_path, Role.CONTROL):
        pass


def test_the_holder_is_known_while_it_holds(tmp_path: Path) -> None:
    assert holder(tmp_path, Role.WORKER) is None
    with role_lock(tmp_path, Role.WORKER):
        assert holder(tmp_path, Role.WORKER) == os.getpid()
        assert holder(tmp_path, Role.CONTROL) is None
    assert holder(tmp_path, Role.WORKER) is None


def test_a_stranger_who_got_the_pid_holds_nothing(tmp_path: Path) -> None:
    with role_lock(tmp_path, Role.CONTROL):
        pass
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (tmp_path / "control.lock").write_text(str(stranger.pid))
        assert holder(tmp_path, Role.CONTROL) is None
        with (tmp_path / "control.lock").open() as opened:
            # Who only has the file open does not hold it either.
            (tmp_path / "control.lock").write_text(str(os.getpid()))
            assert opened.readable()
            assert holder(tmp_path, Role.CONTROL) is None
        stranger.communicate(b"\n")


def test_a_lock_file_with_nonsense_in_it_is_nobody_s(tmp_path: Path) -> None:
    (tmp_path / "control.lock").write_text("not a pid")
    assert holder(tmp_path, Role.CONTROL) is None
