"""Everything an engine needs before its process may start, brought onto this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from xinf.agent.launcher import Launch
from xinf.agent.ports import VisibleEnv
from xinf.core.errors import ErrorCode, XinfError
from xinf.core.placement import EngineConfig, ReplicaAssignment
from xinf.core.progress import Report
from xinf.registry.convert import convert_gguf
from xinf.registry.fetch import ModelFiles
from xinf.registry.local import LocalModel
from xinf.runtime.provision import Runtimes
from xinf.runtime.shim_tree import ensure_shim_tree


class LocalProvision:
    def __init__(
        self,
        runtimes: Runtimes,
        files: ModelFiles,
        cache_dir: Path,
        visible_env: VisibleEnv,
        orphan_lease_s: float,
    ) -> None:
        self._runtimes = runtimes
        self._files = files
        self._cache_dir = cache_dir
        self._visible_env = visible_env
        self._orphan_lease_s = orphan_lease_s

    async def prepare(self, assignment: ReplicaAssignment, report: Report) -> Launch:
        """Runtime, model files and the shim's own code. Raises XinfError."""
        config = assignment.config
        runtime = await self._runtimes.ensure(config.runtime, report)
        tree = await asyncio.to_thread(ensure_shim_tree, self._cache_dir)
        model = ""
        if config.source:
            fetched = await self._files.fetch(config.source, report)
            _check_format(config, fetched)
            path = fetched.path
            if config.engine == "vllm" and fetched.format == "gguf":
                path = await convert_gguf(runtime.python, tree, path, self._cache_dir, report)
            model = str(path)
        return Launch(
            python=runtime.python,
            import_path=tree,
            model_path=model,
            visible_env=self._visible_env(assignment.devices),
            orphan_lease_s=self._orphan_lease_s,
        )


def _check_format(config: EngineConfig, model: LocalModel) -> None:
    """What a folder or a repository holds is known only now that it is here."""
    if config.engine == "llamacpp" and model.format != "gguf":
        raise XinfError(
            ErrorCode.UNSUPPORTED,
            thing=f"source {config.source!r}",
            cause=f"it holds {model.format} files, but llama.cpp loads GGUF only",
            next_step='Use engine = "vllm", or name a GGUF file after a # in `source`',
        )
