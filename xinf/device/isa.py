"""What a processor can compute with, from the kernel's list of its features.

Which number formats make sense is vLLM's answer, the engine that asks: its CPU build computes in
float32, bfloat16 and float16 wherever it has vectors (AVX2 on x86, where 16-bit formats are widened
to 32 bits and so only save memory; AVX-512 or AMX with arithmetic of their own; NEON on ARM), and
its kernels are not built for less (vllm/platforms/cpu.py, docs "CPU"). int8 needs dot products in
hardware to be worth anything. llama.cpp brings its own formats and does not ask.
"""

from __future__ import annotations

from pathlib import Path

# In the order in which they are told: what rules may ask for, of all that kernels list.
_X86 = (
    *("avx2", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
)
_ARM = ("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve", "sve2", "sme")
_VECTORS = frozenset({"avx2", "avx512f", "asimd"})
_INT8 = frozenset({"avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm"})
# These have vectors in every processor that still runs, and their kernels list none by name.
_ALWAYS_VECTORS = frozenset({"ppc64le"})


def features(cpuinfo: str) -> tuple[str, ...]:
    """Of a processor's instruction sets those that matter here."""
    has = set(_first(cpuinfo, "flags").split()) | set(_first(cpuinfo, "Features").split())
    return tuple(name for name in (*_X86, *_ARM) if name in has)


def dtypes(features: tuple[str, ...], machine: str) -> tuple[str, ...]:
    """Number formats that an engine may be asked to compute in; `machine` is like "x86_64"."""
    has = set(features)
    half = ("bfloat16", "float16") if has & _VECTORS or machine in _ALWAYS_VECTORS else ()
    return ("float32", *half, *(("int8",) if has & _INT8 else ()))


def name(cpuinfo: str, machine: str) -> str:
    """What its maker calls it; ARM's kernel does not say."""
    return _first(cpuinfo, "model name") or f"{machine} CPU"


def read_cpuinfo(proc: Path) -> str:
    try:
        return (proc / "cpuinfo").read_text()
    except OSError:
        return ""


def _first(cpuinfo: str, key: str) -> str:
    """The value of the first line with this key: all cores of a machine are taken to be alike."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for found, _, value in lines if found.strip() == key), "")
