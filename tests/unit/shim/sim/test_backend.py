from pathlib import Path

import pytest

from xinf.shim.backends.base import EngineOptions
from xinf.shim.backends.sim.backend import SimBackend


@pytest.mark.parametrize(("declared", "planned"), [(7, 99), (0, 7)])
async def test_it_tells_what_it_pretends_to_hold_on_all_its_devices_together(
    tmp_path: Path, declared: int, planned: int
) -> None:
    args = {"memory_bytes": declared}
    options = EngineOptions(
        *("sim", "i", "", ("a",), str(tmp_path)), memory_bytes=planned, devices=3, args=args
    )
    backend = SimBackend()
    backend.build(options, lambda *_: None)
    await backend.start()
    try:
        assert backend.load().memory_bytes == 3 * 7
    finally:
        await backend.close()
