from __future__ import annotations

import pytest

from xinf.device.isa import dtypes, features, name

# The lines that matter, shortened, of kernels' own lists: a desktop without AVX-512, a server with
# AMX (Sapphire Rapids), and a Graviton3.
DESKTOP = """\
processor\t: 0
model name\t: AMD Ryzen 9 5900X 12-Core Processor
flags\t\t: fpu sse sse2 avx f16c avx2 bmi2 sha_ni

processor\t: 1
model name\t: another
flags\t\t: avx512f
"""
SERVER = """\
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: avx2 f16c avx512f avx512bw avx512_vnni avx512_bf16 avx512_fp16 amx_bf16 amx_tile amx_int8
"""
GRAVITON = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes asimdhp asimddp sve bf16 i8mm svebf16
CPU part\t: 0xd40
"""


@pytest.mark.parametrize(
    ("cpuinfo", "machine", "found", "formats"),
    [
        (DESKTOP, "x86_64", ("avx2", "f16c"), ("float32", "bfloat16", "float16")),
        (
            SERVER,
            "x86_64",
            (
                *("avx2", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
                *("amx_tile", "amx_int8", "amx_bf16"),
            ),
            ("float32", "bfloat16", "float16", "int8"),
        ),
        (
            GRAVITON,
            "aarch64",
            ("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve"),
            ("float32", "bfloat16", "float16", "int8"),
        ),
        ("flags\t: fpu sse2 avx\n", "x86_64", (), ("float32",)),
        ("", "ppc64le", (), ("float32", "bfloat16", "float16")),
        ("", "s390x", (), ("float32",)),
    ],
    ids=["desktop", "server", "graviton", "too old", "POWER", "mainframe"],
)
def test_instruction_sets_decide_which_formats_make_sense(
    cpuinfo: str, machine: str, found: tuple[str, ...], formats: tuple[str, ...]
) -> None:
    assert features(cpuinfo) == found
    assert dtypes(found, machine) == formats


def test_a_processor_is_called_what_its_maker_calls_it_where_the_kernel_says() -> None:
    assert name(DESKTOP, "x86_64") == "AMD Ryzen 9 5900X 12-Core Processor"
    assert name(GRAVITON, "aarch64") == "aarch64 CPU"
