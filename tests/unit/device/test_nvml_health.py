from __future__ import annotations

import pytest

from tests.support.nvml import H100, H100_MIG, RTX_5090, Driver
from tests.support.nvml.watch import Watch


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ecc|UUID|0|0|0", ""),
        ("ecc|UUID|1|0|0", "at the next reset"),
        ("ecc|UUID|0|1|0", "have the card examined"),
        ("ecc|UUID|?|?|1", "when the driver is loaded anew"),
        ("recovery|UUID|0", ""),
        ("recovery|UUID|?", ""),
        ("recovery|UUID|1", "--gpu-reset"),
        ("recovery|UUID|2", "reboot"),
        ("recovery|UUID|4", "start nothing new"),
        ("recovery|UUID|99", "action 99"),
    ],
)
def test_what_ails_a_card_that_still_answers_is_told(
    driver: Driver, watch: Watch, line: str, said: str
) -> None:
    driver.tell(H100, RTX_5090, extra=(line.replace("UUID", H100.uuid),))
    seen = watch.look()
    well, ailing = seen["devices"]
    assert well["problem"] == ""
    assert said in ailing["problem"]
    assert bool(said) == bool(ailing["problem"])
    assert seen["problems"] == []


def test_several_ailments_are_told_together(driver: Driver, watch: Watch) -> None:
    driver.tell(H100, extra=(f"ecc|{H100.uuid}|1|1|0", f"recovery|{H100.uuid}|1"))
    (device,) = watch.look()["devices"]
    assert device["problem"].count(";") == 2


def test_slices_have_the_ailments_of_their_card(driver: Driver, watch: Watch) -> None:
    driver.tell(H100_MIG, extra=(f"recovery|{H100.uuid}|2",))
    assert ["reboot" in device["problem"] for device in watch.look()["devices"]] == [True, True]
