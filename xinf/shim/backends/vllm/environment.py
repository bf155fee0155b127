"""The variables that vLLM and its libraries read. Set before the first of them is imported."""

from __future__ import annotations

import shutil
from collections.abc import MutableMapping
from pathlib import Path

from xinf.shim.backends.base import EngineOptions

# Nothing of what users do may leave the machine, nor be counted elsewhere.
SILENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
# A key for a server of the user's own would lock xinf out; bodies do not belong into a log.
UNWANTED = ("VLLM_API_KEY", "VLLM_DEBUG_LOG_API_SERVER_RESPONSE")
# The KV cache of the CPU build in whole GiB; it wins over the exact argument.
CPU_KV_VARIABLE = "VLLM_CPU_KVCACHE_SPACE"
# The entry point that `death` stands behind; a list of wanted plugins must not leave it out.
PLUGIN = "xinf_death_signal"

SOCKETS = "z"
KV_SOCKET = "kv"
SOCKET_PATH_BYTES_MAX = 107
# vLLM names its sockets by a UUID.
SOCKET_NAME_BYTES = 36


def prepare(options: EngineOptions, environ: MutableMapping[str, str]) -> str:
    """Change `environ` for an engine with `options`; what a user has set stays where it can.

    Returns the endpoint that KV events may be published on, "" if there is no place for one.
    """
    environ.update(SILENT)
    # The source is a folder on this disk: what is not in it is not to be fetched either.
    environ.setdefault("HF_HUB_OFFLINE", "1")
    for name in UNWANTED:
        environ.pop(name, None)
    if "kv_cache_memory_bytes" in options.args:
        environ.pop(CPU_KV_VARIABLE, None)
    if "VLLM_PLUGINS" in environ:
        environ["VLLM_PLUGINS"] = f"{environ['VLLM_PLUGINS']},{PLUGIN}"
    # NumPy's threads would be here from its import on, and vLLM has no work for them.
    environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sockets = _sockets(Path(options.private_dir))
    if sockets is None:
        return ""
    environ["VLLM_RPC_BASE_PATH"] = str(sockets)
    return f"ipc://{sockets / KV_SOCKET}"


def prepare_eager_cpu(environ: MutableMapping[str, str]) -> None:
    """For an engine on the CPU that does not compile its model.

    vLLM still compiles some of its sampling on the first request that needs it: 20 seconds for
    logprobs, in which nobody is answered, and the end of the engine where no compiler is.
    """
    environ.setdefault("TORCHDYNAMO_DISABLE", "1")


def _sockets(private_dir: Path) -> Path | None:
    """A new folder for vLLM's sockets, None if its path is too long for them.

    An engine that was killed leaves its sockets; the directory is the replica's for ever.
    """
    folder = private_dir / SOCKETS
    if len(bytes(folder)) + 1 + SOCKET_NAME_BYTES > SOCKET_PATH_BYTES_MAX:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder
