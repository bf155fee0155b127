import os
from pathlib import Path

import pytest

from xinf.core.errors import ErrorCode, XinfError
from xinf.daemon.lock import role_lock


def test_a_role_has_one_holder_and_the_other_is_told_who(tmp_path: Path) -> None:
    with role_lock(tmp_path, "control"):
        with pytest.raises(XinfError) as caught, role_lock(tmp_path, "control"):
            pass
        assert caught.value.code is ErrorCode.ALREADY_RUNNING
        assert f"pid {os.getpid()}" in str(caught.value)
        with role_lock(tmp_path, "worker"):
            pass
    with role_lock(tmp_path, "control"):
        pass
