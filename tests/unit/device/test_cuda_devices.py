import pytest

from xinf.device.cuda_devices import address


@pytest.mark.parametrize(
    ("nvml", "kernel"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000000f:01:00.0", "000f:01:00.0"),
        ("00010000:e1:00.0", "10000:e1:00.0"),
        ("", None),
    ],
)
def test_a_place_on_the_bus_is_written_as_the_kernel_does(nvml: str, kernel: str | None) -> None:
    assert address(nvml) == kernel
