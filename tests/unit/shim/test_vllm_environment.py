from pathlib import Path
from tempfile import TemporaryDirectory

from xinf.shim.backends.base import EngineOptions
from xinf.shim.backends.vllm.environment import SILENT, prepare, prepare_eager_cpu


def options(private_dir: Path, **args: object) -> EngineOptions:
    return EngineOptions("vllm", "i", "/m", ("small",), str(private_dir), args=args)


def test_nothing_is_counted_and_nothing_fetched(tmp_path: Path) -> None:
    environ = {"VLLM_NO_USAGE_STATS": "0", "VLLM_API_KEY": "secret"}
    prepare(options(tmp_path), environ)
    assert SILENT.items() <= environ.items()
    assert environ["HF_HUB_OFFLINE"] == "1"
    assert "VLLM_API_KEY" not in environ


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    environ = {"HF_HUB_OFFLINE": "0", "VLLM_CPU_KVCACHE_SPACE": "4", "TORCHDYNAMO_DISABLE": "0"}
    prepare(options(tmp_path), environ)
    prepare_eager_cpu(environ)
    assert environ["HF_HUB_OFFLINE"] == "0"
    assert environ["VLLM_CPU_KVCACHE_SPACE"] == "4"
    assert environ["TORCHDYNAMO_DISABLE"] == "0"


def test_an_exact_cache_size_is_not_overruled_by_the_variable(tmp_path: Path) -> None:
    environ = {"VLLM_CPU_KVCACHE_SPACE": "4"}
    prepare(options(tmp_path, kv_cache_memory_bytes=1), environ)
    assert "VLLM_CPU_KVCACHE_SPACE" not in environ


def test_a_list_of_plugins_keeps_ours(tmp_path: Path) -> None:
    environ = {"VLLM_PLUGINS": "theirs"}
    prepare(options(tmp_path), environ)
    assert environ["VLLM_PLUGINS"] == "theirs,xinf_death_signal"
    prepare(options(tmp_path), free := dict[str, str]())
    assert "VLLM_PLUGINS" not in free


def test_sockets_go_into_a_private_folder_that_is_new_at_every_start() -> None:
    environ: dict[str, str] = {}
    # Where pytest's own folders lie, sockets may have no room for their names.
    with TemporaryDirectory(dir="/tmp", prefix="xv") as short:
        prepare(options(Path(short)), environ)
        folder = Path(environ["VLLM_RPC_BASE_PATH"])
        assert folder.parent == Path(short)
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "left by one that was killed").touch()
        prepare(options(Path(short)), environ)
        assert list(folder.iterdir()) == []


def test_a_folder_whose_path_is_too_long_for_sockets_is_not_used(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 80)
    deep.mkdir()
    environ: dict[str, str] = {}
    prepare(options(deep), environ)
    assert "VLLM_RPC_BASE_PATH" not in environ
