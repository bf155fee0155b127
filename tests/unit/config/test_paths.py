import os
import stat
import tempfile
from pathlib import Path

import pytest

from xinf.config.paths import SOCKET_BASE_BYTES_MAX, client_paths, ensure_private, find_paths
from xinf.core.errors import ErrorCode, XinfError


def test_directories_follow_xdg_and_our_own_variables_come_first(tmp_path: Path) -> None:
    home = {"HOME": "/home/me"}
    assert find_paths(home, tmp_path).state_dir == Path("/home/me/.local/state/xinf")
    assert find_paths(home, tmp_path).cache_dir == Path("/home/me/.cache/xinf")
    xdg = {**home, "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "relative/is/ignored"}
    assert find_paths(xdg, tmp_path).state_dir == Path("/s/xinf")
    assert find_paths(xdg, tmp_path).cache_dir == Path("/home/me/.cache/xinf")
    own = {**xdg, "XINF_STATE_DIR": "mine", "XINF_CACHE_DIR": "/c"}
    assert find_paths(own, tmp_path).state_dir == tmp_path / "mine"
    assert find_paths(own, tmp_path).cache_dir == Path("/c")


def test_the_config_file_is_the_first_of_four_places(tmp_path: Path) -> None:
    flag, variable, here, xdg = (tmp_path / name for name in ("flag", "var", "cwd", "xdg"))
    for place in (here, xdg / "xinf"):
        place.mkdir(parents=True)
        (place / "xinf.toml").touch()
    flag.touch()
    variable.touch()
    environ = {"XDG_CONFIG_HOME": str(xdg), "XINF_CONFIG": str(variable)}
    assert find_paths(environ, here, flag).config_file == flag
    assert find_paths(environ, here).config_file == variable
    del environ["XINF_CONFIG"]
    assert find_paths(environ, here).config_file == here / "xinf.toml"
    assert find_paths(environ, tmp_path).config_file == xdg / "xinf" / "xinf.toml"
    assert find_paths({"HOME": "/nobody"}, tmp_path).config_file is None


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(XinfError, match=r"XINF_CONFIG .*/nope: there is no such file"):
        find_paths({"XINF_CONFIG": "nope"}, tmp_path)
    # Whoever only speaks to a running xinf needs no file.
    assert client_paths({"XINF_CONFIG": "nope"}, tmp_path).config_file is None


def test_two_state_directories_never_share_sockets(tmp_path: Path) -> None:
    def sockets(state: str) -> Path:
        return find_paths({"XINF_STATE_DIR": state}, tmp_path).admin_socket

    assert sockets("/a") != sockets("/b")
    assert sockets("/a") == sockets("/a/") == sockets("/x/../a")


def test_sockets_are_short_whatever_the_runtime_directory(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    deep.mkdir()
    found = find_paths({"XDG_RUNTIME_DIR": str(deep), "XINF_STATE_DIR": "/s"}, tmp_path)
    assert len(os.fsencode(found.engine_socket_dir / "01234567.sock")) <= 107
    assert SOCKET_BASE_BYTES_MAX < 107


def test_the_runtime_directory_is_used_when_it_is_usable(tmp_path: Path) -> None:
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        found = find_paths({"XDG_RUNTIME_DIR": str(short)}, tmp_path).runtime_dir
        assert found.parent == short
        assert found.name.startswith("xinf-")
    finally:
        short.rmdir()
    gone = find_paths({"XDG_RUNTIME_DIR": str(short)}, tmp_path).runtime_dir
    assert gone.parent != short
    assert f"xinf-{os.getuid()}-" in gone.name


def test_a_private_directory_is_made_and_closed_to_others(tmp_path: Path) -> None:
    wanted = tmp_path / "a" / "b"
    ensure_private(wanted)
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o700
    wanted.chmod(0o755)
    ensure_private(wanted)
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o700


def test_a_link_in_place_of_a_private_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(XinfError) as caught:
        ensure_private(tmp_path / "link")
    assert caught.value.code is ErrorCode.CONFIG_INVALID
