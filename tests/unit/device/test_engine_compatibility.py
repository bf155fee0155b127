"""What the shipped rules say of real cards. Sources of the table: the links in the rules."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xinf.core.nodes import Device
from xinf.core.workload import Verdict, Workload
from xinf.device.compatibility import Compatibility, judge
from xinf.device.compatibility_file import load_compatibility

FILE = Path(__file__).parents[3] / "configs" / "engine_compatibility.toml"
RULES = load_compatibility([FILE])
# As in configs/runtimes/vllm-cuda.lock.
PINNED = {
    "vllm": "0.32.0",
    "torch": "2.13.0",
    "cuda": "13.0.3.0",
    "flashinfer": "0.7.0",
    "nccl": "2.29.7",
}
CARDS = {
    "7.0": "Tesla V100-SXM2-16GB",
    "7.5": "Tesla T4",
    "8.0": "NVIDIA A100-SXM4-80GB",
    "8.6": "NVIDIA GeForce RTX 3090",
    "8.9": "NVIDIA GeForce RTX 4090",
    "9.0": "NVIDIA H100 80GB HBM3",
    "10.0": "NVIDIA B200",
    "10.3": "NVIDIA B300",
    "12.0": "NVIDIA GeForce RTX 5090",
    "12.1": "NVIDIA GB10",
}
LIVING = [capability for capability in CARDS if capability != "7.0"]


def card(capability: str | None, driver: str | None = "580.95.05", name: str = "") -> Device:
    shown = name or CARDS.get(capability or "", "NVIDIA Card")
    return Device("GPU-1", "cuda", 0, shown, 1, 0, capability, driver=driver)


def cpu(*features: str, arch: str = "x86_64") -> Device:
    return Device("cpu", "cpu", 0, "CPU", 1, 0, arch=arch, features=features)


def said(
    on: Device | str, told: dict[str, str] | None = None, engine: str = "vllm", **wish: object
) -> Verdict:
    device = card(on) if isinstance(on, str) else on
    workload = Workload(engine, **wish)  # type: ignore[arg-type]
    return judge(RULES, workload, device, PINNED if told is None else told)


def names(verdict: Verdict) -> set[str]:
    assert verdict.refusal == ""
    return {rule.name for rule in verdict.rules}


@pytest.mark.parametrize("capability", LIVING)
def test_plain_weights_run_in_bfloat16_from_8_0_on_and_in_float16_before(capability: str) -> None:
    best = "float16" if capability == "7.5" else "bfloat16"
    assert said(capability) == said(capability, dtype=best)
    assert said(capability).dtype == best
    assert said(capability, dtype="float32").refusal == ""


def test_bfloat16_is_refused_before_8_0_with_float16() -> None:
    verdict = said("7.5", dtype="bfloat16")
    assert "Tesla T4 (compute capability 7.5), not in bfloat16" in verdict.refusal
    assert verdict.nearest == 'dtype = "float16"'


def test_volta_was_dropped() -> None:
    assert "0.21" in said("7.0").refusal
    assert said("7.0", {}).refusal
    old = said("7.0", {"vllm": "0.14.0"})
    assert (old.refusal, old.dtype) == ("", "float16")
    assert said("6.1").refusal


# Whether weights run: y, or weight-only (w: small in memory, computed in 16 bits), or n.
COLUMNS = ("7.5", "8.6", "8.9", "9.0", "10.0", "12.0")
TABLE = {
    "awq": "wyyyyy",
    "gptq": "wyyyyy",
    "int4": "wyyyyy",
    "fp8": "wwyyyy",
    "fp8_e4m3": "wwyyyy",
    "fp8_e5m2": "nnnnnn",
    "int8": "yyyynn",
    "nvfp4": "wwwwyy",
    "mxfp4": "nwwwyw",
    "bitsandbytes": "nnnnnn",
}
CELLS = [(form, *cell) for form, row in TABLE.items() for cell in zip(COLUMNS, row, strict=True)]


@pytest.mark.parametrize(("form", "capability", "how"), CELLS)
def test_weights_run_where_the_table_says(form: str, capability: str, how: str) -> None:
    verdict = said(capability, quantization=form)
    assert (verdict.refusal == "") is (how != "n")
    if how == "n":
        assert verdict.nearest
        return
    caveats = [rule.reason for rule in verdict.rules]
    assert any("weights stay small" in caveat for caveat in caveats) is (how == "w")


def test_bitsandbytes_runs_before_0_32_on_one_device_only() -> None:
    for capability in COLUMNS:
        told = {"vllm": "0.28.0"}
        assert said(capability, told, quantization="bitsandbytes").refusal == ""
        two = said(capability, told, quantization="bitsandbytes", devices=2)
        assert two.nearest == "devices = 1"


@pytest.mark.parametrize("capability", ["10.0", "10.3", "12.0", "12.1"])
def test_int8_on_blackwell_is_refused_with_fp8_offered(capability: str) -> None:
    verdict = said(capability, quantization="int8")
    assert "issues/54311" in verdict.refusal
    assert verdict.nearest == "a source with fp8 weights"
    assert said(capability, {}, quantization="int8").refusal


@pytest.mark.parametrize(
    ("told", "driver", "form", "needs"),
    [
        ({"torch": "2.6.0+cu126"}, "580.1", "none", "torch >=2.7"),
        ({"vllm": "0.8.5"}, "580.1", "none", "vllm >=0.9"),
        ({"vllm": "0.9.2"}, "580.1", "fp8", "vllm >=0.10"),
        ({"vllm": "0.10.0"}, "580.1", "nvfp4", "vllm >=0.10.1"),
        ({}, "565.57.01", "none", "driver >=570"),
    ],
)
def test_a_5090_needs_versions(told: dict[str, str], driver: str, form: str, needs: str) -> None:
    verdict = said(card("12.0", driver), told, quantization=form)
    assert f"needs {needs}" in verdict.refusal
    assert verdict.nearest == needs


def test_pytorch_for_cuda_13_needs_driver_580() -> None:
    verdict = said(card("9.0", "575.57.08"))
    assert "CUDA 13" in verdict.refusal
    assert verdict.nearest == "NVIDIA driver 580 or newer"
    assert said(card("9.0", "575.57.08"), {"cuda": "12.9"}).refusal == ""


def test_driver_580_is_recommended_for_a_5090() -> None:
    rules = names(said(card("12.0", "575.57.08"), {}))
    assert rules == {"driver-580-for-consumer-blackwell"}


def test_geforce_cards_share_a_model_without_peer_to_peer_unless_a_probe_passed() -> None:
    for told in ({}, {"p2p": "unproven"}, {"p2p": "broken"}):
        (rule,) = said("12.0", {**PINNED, **told}, devices=2).rules
        assert rule.env == {"NCCL_P2P_DISABLE": "1"}
        assert rule.args == {"disable_custom_all_reduce": True}
        assert rule.reason
        assert rule.link.startswith("https://")
    assert names(said("12.0", {**PINNED, "p2p": "works"}, devices=2)) == set()
    assert names(said("12.0", devices=1)) == set()
    assert names(said("9.0", devices=2)) == set()
    pro = card("12.0", name="NVIDIA RTX PRO 6000 Blackwell Workstation Edition")
    assert names(said(pro, devices=2)) == set()
    assert names(said("9.0", {**PINNED, "p2p": "broken"}, devices=2)) == {"broken-p2p"}


def test_fp8_kv_on_a_5090_avoids_flashinfer_with_an_old_toolkit() -> None:
    for kv_dtype in ("fp8", "fp8_e4m3", "fp8_e5m2"):
        verdict = said("12.0", {**PINNED, "toolkit": "12.8.1"}, kv_dtype=kv_dtype)
        (rule,) = verdict.rules
        assert rule.args == {"attention_backend": "TRITON_ATTN"}
        assert names(said("12.0", {**PINNED, "toolkit": "12.9"}, kv_dtype=kv_dtype)) == set()
        assert names(said("12.0", kv_dtype=kv_dtype)) == set()
    assert names(said("12.0", {**PINNED, "toolkit": "12.8"})) == set()
    assert names(said("9.0", {**PINNED, "toolkit": "12.8"}, kv_dtype="fp8")) == set()


def test_fp8_kv_on_a_5090_answers_gibberish_before_0_22() -> None:
    assert names(said("12.0", {"vllm": "0.21.0"}, kv_dtype="fp8")) == {"fp8-kv-gibberish"}
    assert names(said("12.0", {"vllm": "0.22.0"}, kv_dtype="fp8")) == set()


def test_the_sampler_of_an_old_vllm_cannot_be_compiled_by_an_old_toolkit() -> None:
    (rule,) = said("12.0", {"vllm": "0.27.1", "toolkit": "12.8"}).rules
    assert rule.env == {"VLLM_USE_FLASHINFER_SAMPLER": "0"}
    assert names(said("12.0", {"vllm": "0.28.0", "toolkit": "12.8"})) == set()


def test_sinks_on_a_5090_need_flashinfer_0_6_16() -> None:
    wish = {"traits": ("sinks", "moe"), "quantization": "mxfp4"}
    old = names(said("12.0", {**PINNED, "flashinfer": "0.6.15"}, **wish))
    assert "sinks-need-flashinfer" in old
    assert "sinks-need-flashinfer" not in names(said("12.0", **wish))
    assert "sinks-need-flashinfer" not in names(said("10.0", {"flashinfer": "0.6.15"}, **wish))


def test_experts_on_a_5090() -> None:
    moe = ("moe",)
    assert said("12.0", {"vllm": "0.13.0"}, quantization="fp8", traits=moe).refusal
    assert said("12.0", quantization="fp8", traits=moe).refusal == ""
    old = names(said("12.0", {"vllm": "0.15.0"}, quantization="nvfp4", traits=moe))
    assert "nvfp4-moe-regressions" in old
    assert "nvfp4-moe-regressions" not in names(said("12.0", quantization="nvfp4", traits=moe))
    assert "toolkit-for-flashinfer" in names(said("12.0", {"toolkit": "12.8"}, traits=moe))


def test_an_nvfp4_cache_on_a_5090_takes_piecewise_graphs() -> None:
    (rule,) = said("12.0", kv_dtype="nvfp4").rules
    assert rule.args == {"compilation_config": {"cudagraph_mode": "PIECEWISE"}}
    assert said("9.0", kv_dtype="nvfp4").nearest == 'kv_dtype = "fp8"'


def test_fp8_kv_is_refused_on_turing_and_runs_later() -> None:
    assert said("7.5", kv_dtype="fp8").nearest == 'kv_dtype = "auto"'
    for capability in COLUMNS[1:]:
        assert said(capability, kv_dtype="fp8").refusal == ""


def test_an_e5m2_cache_of_fp8_weights_is_refused() -> None:
    assert said("9.0", quantization="fp8", kv_dtype="fp8_e5m2").nearest == 'kv_dtype = "fp8"'
    assert said("9.0", quantization="awq", kv_dtype="fp8_e5m2").refusal == ""


def test_one_release_picks_a_wrong_kernel_on_an_a100() -> None:
    assert "fp8-on-8.0-in-0.29" in names(said("8.0", {"vllm": "0.29.1"}, quantization="fp8"))
    assert "fp8-on-8.0-in-0.29" not in names(said("8.6", {"vllm": "0.29.1"}, quantization="fp8"))


def test_an_old_nccl_may_hang_on_several_5090s() -> None:
    assert "old-nccl" in names(said("12.0", {"nccl": "2.26.1"}, devices=4))
    assert "old-nccl" not in names(said("12.0", devices=4))


def test_slices_of_a_card_do_not_join() -> None:
    part = Device("MIG-1", "cuda", 0, "H100 MIG 3g.40gb", 1, 0, "9.0", parent="GPU-1")
    assert said(part, devices=2).nearest == "devices = 1"
    assert said(part).refusal == ""


def test_gguf_on_vllm_is_unpacked_and_on_llamacpp_runs_as_it_is() -> None:
    assert names(said("12.0", quantization="gguf")) == {"gguf-is-unpacked"}
    assert said(cpu("avx2"), engine="llamacpp", quantization="gguf") == Verdict(dtype="auto")
    refused = said("12.0", engine="llamacpp", quantization="gguf")
    assert (refused.nearest, bool(refused.refusal)) == ('engine = "vllm"', True)
    assert said(cpu(), engine="llamacpp", quantization="gguf", kv_dtype="fp8").refusal


def test_a_unified_device_is_told() -> None:
    spark = Device("GPU-1", "cuda", 0, "NVIDIA GB10", 1, 0, "12.1", is_unified=True)
    assert names(said(spark)) == {"unified-memory"}


def test_vllm_on_the_cpu() -> None:
    assert names(said(cpu("avx2", "avx512f", "avx512_bf16"))) == set()
    assert names(said(cpu("avx2", "avx512f"))) == {"vllm-cpu-avx512"}
    assert names(said(cpu("avx2"))) == set()
    assert said(cpu("avx512f", "avx2"), kv_dtype="fp8").refusal == ""
    assert said(cpu("avx2"), kv_dtype="fp8").nearest == 'kv_dtype = "auto"'
    assert "AVX2" in said(cpu("sse4_2")).refusal
    assert said(cpu("asimd", arch="aarch64")).refusal == ""
    assert said(cpu()).refusal == ""
    assert said(cpu("avx2"), quantization="fp8").nearest == "a source with int8 weights"
    for features in ((), ("avx2",), ("avx2", "avx512f"), ("avx2", "amx_bf16")):
        assert said(cpu(*features)).dtype == ("auto" if not features else "bfloat16")


@pytest.mark.parametrize(
    "kind", ["rocm", "xpu", "mps", "npu", "mlu", "gcu", "musa", "dcu", "kunlun"]
)
def test_other_accelerators_have_a_route_that_is_told(kind: str) -> None:
    device = Device("X", kind, 0, "Card", 1, 0, arch="gfx942")
    (rule,) = said(device).rules
    assert rule.link.startswith("https://")
    assert said(device).dtype in {"bfloat16", "float16"}


def test_amd_cards_that_vllm_does_not_know_are_refused() -> None:
    verdict = said(Device("X", "rocm", 0, "Radeon VII", 1, 0, arch="gfx906"))
    assert verdict.refusal == "vllm does not run on Radeon VII (rocm gfx906)"
    fp8 = said(Device("X", "rocm", 0, "MI250", 1, 0, arch="gfx90a"), quantization="fp8")
    assert fp8.nearest == "a source with awq weights"


@pytest.mark.parametrize("kind", ["cuda", "rocm", "cpu", "something new"])
def test_the_simulated_engine_runs_anywhere(kind: str) -> None:
    for form in ("none", "int8", "whatever"):
        device = Device("X", kind, 0, "Card", 1, 0)
        assert said(device, engine="sim", quantization=form) == Verdict(dtype="auto")


def test_every_rule_and_caveat_has_a_link_and_words() -> None:
    for rule in RULES.rules:
        assert re.fullmatch(r"https://\S+", rule.link), rule.name
        assert len(rule.reason) > 10, rule.name
        assert not rule.refusal or rule.nearest, rule.name
    silent = {row.name for row in RULES.support if row.caveat and not row.link}
    assert silent == {"vllm-newer-nvidia"}


FORMS = st.sampled_from([*TABLE, "none", "gguf"])
workloads = st.builds(
    Workload,
    engine=st.just("vllm"),
    dtype=st.sampled_from(["auto", "float16", "bfloat16", "float32"]),
    quantization=FORMS,
    kv_dtype=st.sampled_from(["auto", "fp8", "fp8_e5m2", "nvfp4"]),
    devices=st.integers(1, 4),
    traits=st.lists(st.sampled_from(["moe", "sinks", "mla"]), unique=True).map(tuple),
)
circumstances = st.fixed_dictionaries(
    {},
    optional={
        "vllm": st.sampled_from(["0.8.0", "0.13.1", "0.21.0", "0.32.0"]),
        "toolkit": st.sampled_from(["12.4", "12.8", "13.0"]),
        "flashinfer": st.sampled_from(["0.6.0", "0.7.0"]),
        "nccl": st.sampled_from(["2.20", "2.29.7"]),
        "p2p": st.sampled_from(["works", "broken", "unproven"]),
    },
)


def of_family(rules: Compatibility, capability: str) -> set[str]:
    """Names of rows that ask for this capability and would not for the other Blackwell."""
    other = {"12.0": (10, 0), "10.0": (12, 0)}[capability]
    own = tuple(map(int, capability.split(".")))
    found: set[str] = set()
    for row in (*rules.support, *rules.rules):
        terms = row.when.get("compute_capability", ())
        ranges = [[bound.holds(v) for bound in t.bounds] for t in terms for v in (own, other)]
        if ranges and any(map(all, ranges[::2])) and not any(map(all, ranges[1::2])):
            found.add(row.name)
    return found


@given(workloads, circumstances)
def test_the_two_blackwells_are_never_mixed_up(workload: Workload, told: dict[str, str]) -> None:
    consumer, datacenter = of_family(RULES, "12.0"), of_family(RULES, "10.0")
    assert consumer
    assert datacenter
    on_5090 = judge(RULES, workload, card("12.0"), told)
    on_b200 = judge(RULES, workload, card("10.0"), told)
    assert {rule.name for rule in on_5090.rules} & datacenter == set()
    assert {rule.name for rule in on_b200.rules} & consumer == set()
    assert "B200" not in on_5090.refusal
    assert "5090" not in on_b200.refusal


@given(workloads, circumstances, st.sampled_from([None, *CARDS]), st.none() | st.text(max_size=8))
def test_it_never_raises(
    workload: Workload, told: dict[str, str], capability: str | None, driver: str | None
) -> None:
    verdict = judge(RULES, workload, card(capability, driver), told)
    assert verdict.refusal or not verdict.nearest


@example(Workload("vllm", "bfloat16", "fp8_e5m2"), "7.5")
@given(workloads, st.sampled_from(LIVING))
def test_with_today_s_versions_every_refusal_offers_something(
    workload: Workload, capability: str
) -> None:
    verdict = judge(RULES, workload, card(capability), PINNED)
    assert bool(verdict.refusal) == bool(verdict.nearest)
