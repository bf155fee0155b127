"""Boxes of GPUs that an imitated driver shows: what status says, and what engines may see.

Not yet met: any of these cards. The library below is ours, everything above it is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import running
from tests.support.nvml import (
    EIGHT_5090S,
    H100,
    H100_MIG,
    RTX_3090,
    RTX_5090,
    Gpu,
    install,
)

MIB = 1024**2


@dataclass(frozen=True)
class Shown:
    """A device as status must show it."""

    uuid: str
    name: str
    capability: str
    mib: int
    parent: str | None = None


def whole(gpu: Gpu) -> Shown:
    assert gpu.total is not None
    return Shown(gpu.uuid, gpu.name, gpu.capability, gpu.total)


def slices(gpu: Gpu) -> list[Shown]:
    return [
        Shown(each.uuid, f"{gpu.name} MIG {each.profile}", gpu.capability, each.total, gpu.uuid)
        for each in gpu.slices or ()
    ]


@dataclass(frozen=True)
class Box:
    gpus: tuple[Gpu, ...]
    devices: tuple[Shown, ...]


def plain(*gpus: Gpu) -> Box:
    return Box(gpus, tuple(map(whole, gpus)))


BOXES = {
    "one 5090": plain(RTX_5090),
    "two 5090s": plain(*EIGHT_5090S[:2]),
    "four 5090s": plain(*EIGHT_5090S[:4]),
    "eight 5090s": plain(*EIGHT_5090S),
    "a mixed box": plain(RTX_5090, H100, RTX_3090),
    "a card in MIG mode beside a whole one": Box(
        (RTX_5090, H100_MIG), (whole(RTX_5090), *slices(H100_MIG))
    ),
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_a_box_is_shown_as_it_is_and_engines_see_their_own_device(box: Box, tmp_path: Path) -> None:
    driver = install(tmp_path)
    driver.tell(*box.gpus)
    # Each takes more than half of any device here, so that each has one of its own.
    models = "".join(
        f'[models.m{number}]\nengine = "sim"\nsim = {{ memory = "{shown.mib * 3 // 5}MiB" }}\n'
        f'devices = ["{shown.uuid}"]\n'
        for number, shown in enumerate(box.devices)
    )
    with running(models, **driver.environment) as instance:
        seen = instance.status()
        frame = instance.cli("status", "--once").stdout
        visible = {row["model"]: visible_devices(row) for row in seen["replicas"]}
    *gpus, cpu = seen["devices"]
    assert cpu["id"] == "cpu:0"
    assert not seen["device_problems"]
    assert [described(device) for device in gpus] == list(box.devices)
    assert [device["id"] for device in gpus] == [f"cuda:{index}" for index in range(len(gpus))]
    assert all(device["driver_api"] == "13.0" for device in gpus)
    for device in gpus:
        assert f"{device['id']}  {device['name']}  {device['compute_capability']}" in frame
    assert visible == {f"m{number}": shown.uuid for number, shown in enumerate(box.devices)}


def described(device: dict[str, Any]) -> Shown:
    return Shown(
        device["uuid"],
        device["name"],
        device["compute_capability"],
        device["memory_total"] // MIB,
        device["parent"],
    )


def visible_devices(row: dict[str, Any]) -> str:
    """What the process of a replica may see, from the kernel."""
    entries = Path(f"/proc/{row['pid']}/environ").read_text().split("\0")
    env = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert list(row["devices"]) == env["CUDA_VISIBLE_DEVICES"].split(",")
    return env["CUDA_VISIBLE_DEVICES"]
