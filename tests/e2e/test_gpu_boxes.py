"""Boxes of GPUs that an imitated driver shows: what status says, and what engines may see.

Not yet met: any of these cards. The library below is ours, everything above it is real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import Instance, running
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
PAIR = """
[models.pair]
engine = "sim"
devices = 2
sim = { memory = "2GiB" }
"""


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
        told = plan(instance, models + PAIR)
        findings = json.loads(instance.cli("doctor", "--quick", "--json").stdout)["findings"]
    *gpus, cpu = seen["devices"]
    assert cpu["id"] == "cpu:0"
    assert not seen["device_problems"]
    assert [described(device) for device in gpus] == list(box.devices)
    assert [device["id"] for device in gpus] == [f"cuda:{index}" for index in range(len(gpus))]
    assert all(device["driver_api"] == "13.0" for device in gpus)
    for device in gpus:
        assert f"{device['id']}  {device['name']}  {device['compute_capability']}" in frame
    assert visible == {f"m{number}": shown.uuid for number, shown in enumerate(box.devices)}
    assert_planned(told, box)
    assert_examined(findings, box)


def plan(instance: Instance, toml: str) -> dict[str, Any]:
    """What would change if the file said so."""
    (instance.root / "then.toml").write_text(toml)
    return json.loads(instance.cli("plan", "then.toml", "--json").stdout)


def assert_planned(told: dict[str, Any], box: Box) -> None:
    """What runs goes on, each device's sum is right, and a pair finds two whole twins or none."""
    balances = {each["id"]: each for each in told["devices"] if each["id"] != "cpu:0"}
    for number, shown in enumerate(box.devices):
        balance = balances[f"cuda:{number}"]
        assert balance["total"] == shown.mib * MIB
        claimed = balance["before"] - balance["foreign"]
        assert claimed == shown.mib * 3 // 5 * MIB
    wholes = [shown for shown in box.devices if shown.parent is None]
    twins = [shown for shown in wholes if sum(each.name == shown.name for each in wholes) > 1]
    if not twins:
        assert told["actions"] == []
        (lonely,) = told["unplaced"]
        assert "2 cuda devices of one name" in lonely["reason"]
        return
    (start,) = told["actions"]
    assert (start["action"], start["replica"], start["bytes"]) == ("start", "pair/0", 2048 * MIB)
    assert len(set(start["uuids"])) == 2
    assert set(start["uuids"]) <= {twin.uuid for twin in twins}
    for device in start["devices"]:
        assert balances[device]["after"] - balances[device]["before"] == start["bytes"]


def assert_examined(findings: list[dict[str, Any]], box: Box) -> None:
    """Every device is known for what it is, and nothing about it will not work."""
    cards = [each for each in findings if each["check"] in ("driver", "compatibility")]
    assert {each["severity"] for each in cards} <= {"ok", "info", "warn"}
    for shown in box.devices:
        assert any(
            shown.name in each["message"] and shown.capability in each["message"] for each in cards
        )


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
