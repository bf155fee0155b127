from collections.abc import Mapping, Sequence

from xinf.core.nodes import Device
from xinf.device.inventory import Inventory


class Cards:
    """A kind of device, well or not."""

    def __init__(self, kind: str, count: int, *, is_broken: bool = False) -> None:
        self.kind = kind
        self._count = count
        self._is_broken = is_broken

    def detect(self) -> bool:
        return True

    def devices(self) -> tuple[Device, ...]:
        if self._is_broken:
            raise OSError("driver mismatch")
        return tuple(Device(f"{self.kind}-{i}", self.kind, i, "", 1, 0) for i in range(self._count))

    def visible_env(self, uuids: Sequence[str]) -> Mapping[str, str]:
        return {f"{self.kind.upper()}_VISIBLE": ",".join(uuids)}


def test_a_process_sees_exactly_its_devices() -> None:
    inventory = Inventory([Cards("red", 2), Cards("blue", 1)])
    assert len(inventory.sample()) == 3
    assert inventory.visible_env(["red-1"]) == {"RED_VISIBLE": "red-1"}
    assert inventory.visible_env(["red-0", "blue-0"]) == {
        "RED_VISIBLE": "red-0",
        "BLUE_VISIBLE": "blue-0",
    }


def test_a_kind_that_cannot_be_asked_does_not_hide_the_others() -> None:
    inventory = Inventory([Cards("red", 1, is_broken=True), Cards("blue", 1)])
    assert [device.kind for device in inventory.sample()] == ["blue"]
