"""Everything an engine needs before its process may start, brought onto this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from xinf.agent.launcher import Launch
from xinf.agent.ports import VisibleEnv
from xinf.core.placement import ReplicaAssignment
from xinf.core.progress import Report
from xinf.registry.fetch import ModelFiles
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
        model = await self._files.fetch(config.source, report) if config.source else None
        return Launch(
            python=runtime.python,
            import_path=await asyncio.to_thread(ensure_shim_tree, self._cache_dir),
            model_path=str(model.path) if model is not None else "",
            visible_env=self._visible_env(assignment.devices),
            orphan_lease_s=self._orphan_lease_s,
        )
