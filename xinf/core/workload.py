"""What an engine will have to compute, as far as that decides on which devices it can run.

`device.compatibility` judges a workload on a device by the rules in configs/; the scheduler takes
the verdicts as given.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinf.core.placement import AppliedRule


@dataclass(frozen=True, slots=True)
class Workload:
    """`dtype` and `kv_dtype` may be "auto". `quantization` is how the weights are stored: "none",
    "fp8", "int8", "awq", "gptq", "bitsandbytes", "nvfp4", "mxfp4", "gguf", or another name that
    rules may know. `devices` is how many share one replica. `traits` are what else of a model rules
    ask for: "moe", "mla", "sinks", "embed", "hybrid", "vision".
    """

    engine: str
    dtype: str = "auto"
    quantization: str = "none"
    kv_dtype: str = "auto"
    devices: int = 1
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the compatibility file says of a model on one device.

    `refusal` is empty where it can run; then `rules` are what it needs there. `nearest` is the
    closest choice that could run there, as a person would write it. `dtype` is what "auto" means
    there.
    """

    refusal: str = ""
    nearest: str = ""
    dtype: str = "auto"
    rules: tuple[AppliedRule, ...] = ()
