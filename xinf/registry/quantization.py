"""How a model's weights are stored, by its quantization_config, and what that takes.

Sizes are those of the files and of vLLM's layers alike: packed weights, and beside them a scale for
each group of inputs, zero points where there are any, and what else a format keeps. Kernels that
repack weights when they load them (Marlin) keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType

from xinf.registry.config_json import Table


@dataclass(frozen=True, slots=True)
class Scheme:
    """`bits` for each weight. `group` inputs share a scale of `scale_bytes`, 0 = all of them;
    `rows` outputs do, 0 = all of them. Zero points take `bits` each. `input_bytes` are kept for
    each input, `matrix_bytes` for each matrix. `spared` name what stays as it is.
    """

    name: str
    bits: int = 16
    group: int = 0
    rows: int = 1
    scale_bytes: int = 2
    has_zeros: bool = False
    input_bytes: int = 0
    matrix_bytes: int = 0
    spared: tuple[str, ...] = ()

    def packed_bytes(self, outputs: int, inputs: int) -> int:
        """What a matrix takes."""
        across = math.ceil(inputs / self.group) if self.group else 1
        down = math.ceil(outputs / self.rows) if self.rows else 1
        scales = across * down * self.scale_bytes
        zeros = across * down * self.bits // 8 if self.has_zeros else 0
        rest = inputs * self.input_bytes + self.matrix_bytes
        return outputs * inputs * self.bits // 8 + scales + zeros + rest

    def spares(self, name: str) -> bool:
        """Whether the matrix `name` was left as it was."""
        return any(_names(pattern, name) for pattern in self.spared)


# By the word for it in `core.workload.Workload`.
SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        # One scale for the weights and one for what they are multiplied with, 4 bytes each.
        "fp8": Scheme("fp8", bits=8, rows=0, scale_bytes=4, matrix_bytes=4),
        "int8": Scheme("int8", bits=8, scale_bytes=4),
        "int4": Scheme("int4", bits=4, group=128),
        "awq": Scheme("awq", bits=4, group=128, has_zeros=True),
        # The order of the inputs is kept too.
        "gptq": Scheme("gptq", bits=4, group=128, has_zeros=True, input_bytes=4),
        "bitsandbytes": Scheme("bitsandbytes", bits=4, group=64, scale_bytes=4),
        "nvfp4": Scheme("nvfp4", bits=4, group=16, scale_bytes=1, matrix_bytes=8),
        "mxfp4": Scheme("mxfp4", bits=4, group=32, scale_bytes=1),
    }
)


def read_scheme(config: Table) -> Scheme | None:
    """How `config` says that weights are stored; None = as plain numbers."""
    told = config.table("quantization_config", "compression_config", "quantization")
    if told is None:
        return None
    method = told.text("quant_method", "quant_algo", "quant_library").lower().replace("_", "-")
    spared = told.texts("modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules")
    if method == "compressed-tensors":
        return replace(_compressed(told), spared=spared)
    if method == "modelopt" or told.has("quant_algo"):
        return replace(_by_word(told.text("quant_algo")), spared=spared)
    if method == "bitsandbytes" and told.flag("load_in_8bit", default=False):
        return replace(SCHEMES["int8"], name="bitsandbytes", spared=spared)
    return replace(_grouped(_by_word(method), told), spared=spared)


def _by_word(word: str) -> Scheme:
    """By what a tool calls it ("FP8", "fbgemm-fp8", "W4A16_AWQ"); plain numbers if unheard of."""
    lower = word.lower()
    for name, scheme in SCHEMES.items():
        if name in lower:
            return scheme
    return Scheme(lower or "unknown")


def _grouped(scheme: Scheme, told: Table) -> Scheme:
    """With the numbers that are told: bits, and how many weights share a scale."""
    blocks = told.numbers("weight_block_size")
    if len(blocks) == 2 and all(blocks):
        return replace(scheme, rows=blocks[0], group=blocks[1], matrix_bytes=0)
    if scheme.name not in ("awq", "gptq"):
        return scheme
    bits = told.number("bits", "w_bit", default=scheme.bits)
    # -1 is not read as a number: then the whole row shares one.
    group = told.number("group_size", "q_group_size") if told.has("group_size") else scheme.group
    return replace(scheme, bits=bits or scheme.bits, group=group)


def _compressed(told: Table) -> Scheme:
    """By the first group's weights: others in one file are rare, and headers then count better."""
    groups = told.table("config_groups")
    first = next(iter(groups.members.values()), None) if groups else None
    weights = Table(first).table("weights") if isinstance(first, Mapping) else None
    if weights is None:
        return _by_word(told.text("format"))
    bits, form = weights.number("num_bits", default=8), told.text("format").lower()
    if bits == 4 and weights.text("type") == "float":
        return SCHEMES["mxfp4" if "mxfp4" in form else "nvfp4"]
    if weights.text("type") == "float":
        return _fp8(weights)
    base = SCHEMES["int8" if bits == 8 else "int4"]
    group = weights.number("group_size") if weights.text("strategy") == "group" else 0
    return replace(base, bits=bits, group=group)


def _fp8(weights: Table) -> Scheme:
    blocks = weights.numbers("block_structure")
    if len(blocks) == 2 and all(blocks):
        return replace(SCHEMES["fp8"], rows=blocks[0], group=blocks[1], matrix_bytes=0)
    if weights.text("strategy") == "channel":
        return replace(SCHEMES["fp8"], rows=1, matrix_bytes=0)
    return SCHEMES["fp8"]


def _names(pattern: str, name: str) -> bool:
    """Patterns are parts of names, names with stars, or regular expressions after "re:".

    The latter are read as names with stars: a pattern out of a file is not run.
    """
    if pattern.startswith("re:"):
        pattern = pattern[3:].strip("^$").replace(".*", "*").replace("\\", "")
    elif "*" not in pattern:
        return pattern == name or f".{pattern}." in f".{name}."
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
