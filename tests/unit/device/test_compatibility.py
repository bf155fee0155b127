from hypothesis import given
from hypothesis import strategies as st

from xinf.core.nodes import Device
from xinf.core.workload import Verdict, Workload
from xinf.device.compatibility import Compatibility, Verdicts, class_of, judge
from xinf.device.conditions import Condition, read_term
from xinf.device.rules import Rule, Support

UNKNOWN: dict[str, str] = {}


def where(**texts: str) -> Condition:
    return {name: (read_term(text),) for name, text in texts.items()}


def device(kind: str = "cuda", capability: str | None = "12.0", **more: object) -> Device:
    return Device("GPU-1", kind, 0, "Card", 1, 0, capability, **more)  # type: ignore[arg-type]


PLAIN = Support(
    "plain",
    where(engine="vllm", kind="cuda", compute_capability=">=8"),
    frozenset({"none", "awq"}),
    ("bfloat16", "float16"),
    frozenset({"fp8"}),
    where(driver=">=570"),
)
OLD = Support(
    "old",
    where(engine="vllm", kind="cuda", compute_capability="<8"),
    frozenset({"none"}),
    ("float16",),
    caveat="old card",
    link="https://example.org",
)
NEAREST = {"int8": ("fp8", "awq"), "awq": ("int8", "none")}
FILE = Compatibility((PLAIN, OLD), (), NEAREST)


def said(
    workload: Workload,
    on: Device | None = None,
    told: dict[str, str] = UNKNOWN,
    file: Compatibility = FILE,
) -> Verdict:
    return judge(file, workload, on or device(), told)


def test_auto_is_the_best_dtype_of_the_row() -> None:
    assert said(Workload("vllm")) == Verdict(dtype="bfloat16")
    assert said(Workload("vllm"), device(capability="7.5")).dtype == "float16"


def test_auto_is_the_best_that_the_device_computes_in_too() -> None:
    assert said(Workload("vllm"), device(dtypes=("float16", "int8"))).dtype == "float16"
    # A device that tells of nothing that the row knows is not believed to compute in nothing.
    assert said(Workload("vllm"), device(dtypes=("int8",))).dtype == "bfloat16"


def test_another_dtype_than_the_row_has_is_refused_with_one_that_it_has() -> None:
    verdict = said(Workload("vllm", dtype="bfloat16"), device(capability="7.5"))
    assert "in float16 on Card (compute capability 7.5), not in bfloat16" in verdict.refusal
    assert verdict.nearest == 'dtype = "float16"'
    assert said(Workload("vllm", dtype="half"), device(capability="7.5")).dtype == "float16"


def test_a_caveat_is_told_with_its_link() -> None:
    (rule,) = said(Workload("vllm"), device(capability="7.5")).rules
    assert (rule.name, rule.reason, rule.link) == ("old", "old card", "https://example.org")


def test_weights_that_no_row_has_are_refused_with_the_nearest_that_runs() -> None:
    verdict = said(Workload("vllm", quantization="int8"))
    assert verdict.refusal == "vllm does not run int8 weights on Card (compute capability 12.0)"
    # fp8 would be nearer, and has no row either.
    assert verdict.nearest == "a source with awq weights"
    verdict = said(Workload("vllm", quantization="awq"), device(capability="7.5"))
    assert verdict.nearest == "an unquantized source"


def test_what_is_offered_may_need_another_dtype_too() -> None:
    wish = Workload("vllm", "bfloat16", quantization="awq")
    verdict = said(wish, device(capability="7.5"))
    assert verdict.nearest == 'an unquantized source, with dtype and kv_dtype = "auto"'


def test_an_engine_that_does_not_run_on_a_device_is_refused_and_another_is_named() -> None:
    other = Support("other", where(engine="llamacpp", kind="rocm"), frozenset({"none"}))
    file = Compatibility((PLAIN, other), (), NEAREST)
    verdict = said(Workload("vllm"), device("rocm", None, arch="gfx90a"), file=file)
    assert verdict.refusal == "vllm does not run on Card (rocm gfx90a)"
    assert verdict.nearest == 'engine = "llamacpp"'


def test_a_version_that_is_too_old_is_refused_and_one_that_is_unknown_is_not() -> None:
    verdict = said(Workload("vllm"), device(driver="550.54"))
    assert "needs driver >=570" in verdict.refusal
    assert "550.54" in verdict.refusal
    assert verdict.nearest == "driver >=570"
    assert said(Workload("vllm"), device(driver="580.95")).refusal == ""
    assert said(Workload("vllm"), device(driver=None)).refusal == ""


def test_a_cache_that_the_row_does_not_have_is_refused() -> None:
    assert said(Workload("vllm", kv_dtype="fp8")).refusal == ""
    verdict = said(Workload("vllm", kv_dtype="nvfp4"))
    assert (verdict.nearest, "nvfp4" in verdict.refusal) == ('kv_dtype = "auto"', True)


def test_what_nobody_has_heard_of_is_let_through_and_told() -> None:
    for workload in (Workload("sglang"), Workload("vllm", quantization="exotic")):
        verdict = said(workload)
        assert verdict.refusal == ""
        assert "not judged" in verdict.rules[0].reason


def test_of_a_device_that_does_not_tell_its_capability_nothing_is_claimed() -> None:
    assert said(Workload("vllm"), device(capability=None)) == Verdict(dtype="auto")


REFUSING = Rule(
    "no", "it is broken", "https://example.org", where(devices=">=2"), refusal="no", nearest="1"
)
SETTING = Rule(
    "fix",
    "or it hangs",
    "",
    where(devices=">=2"),
    unless=where(p2p="works"),
    args={"flag": True},
    env={"NAME": "1"},
)


def test_a_refusing_rule_outweighs_a_row_and_gives_reason_and_link() -> None:
    file = Compatibility((PLAIN,), (SETTING, REFUSING))
    verdict = said(Workload("vllm", devices=2), file=file)
    assert verdict.refusal == "no: it is broken (https://example.org)"
    assert (verdict.nearest, verdict.rules) == ("1", ())
    assert said(Workload("vllm", devices=1), file=file) == Verdict(dtype="bfloat16")


def test_a_setting_rule_applies_unless_something_is_known() -> None:
    file = Compatibility((PLAIN,), (SETTING,))
    (rule,) = said(Workload("vllm", devices=2), file=file).rules
    assert (rule.name, rule.args, rule.env) == ("fix", {"flag": True}, {"NAME": "1"})
    assert said(Workload("vllm", devices=2), told={"p2p": "works"}, file=file).rules == ()
    assert said(Workload("vllm", devices=2), told={"p2p": "broken"}, file=file).rules == (rule,)


def test_a_rule_may_ask_for_the_dtype_that_auto_became() -> None:
    rule = Rule("half", "why", "", where(dtype="bfloat16"))
    file = Compatibility((PLAIN, OLD), (rule,))
    assert [each.name for each in said(Workload("vllm"), file=file).rules] == ["half"]
    assert said(Workload("vllm", dtype="float16"), file=file).rules == ()


def test_what_is_told_cannot_speak_over_what_the_device_is() -> None:
    assert said(Workload("vllm"), told={"compute_capability": "7.5"}).dtype == "bfloat16"


def test_verdicts_are_given_for_each_device_by_its_kind_and_reached_once() -> None:
    cards = [Device(f"GPU-{n}", "cuda", n, "Card", 1, 0, "12.0") for n in range(3)]
    old = Device("GPU-old", "cuda", 3, "Card", 1, 0, "7.5")
    file = Compatibility((PLAIN, OLD), (SETTING,))
    given = Verdicts(file, [*cards, old], {"cuda": {"p2p": "works"}}).of(Workload("vllm"))
    assert {uuid: verdict.dtype for uuid, verdict in given.items()} == {
        "GPU-0": "bfloat16",
        "GPU-1": "bfloat16",
        "GPU-2": "bfloat16",
        "GPU-old": "float16",
    }
    assert given["GPU-0"] is given["GPU-2"]
    assert given["GPU-0"] is judge(file, Workload("vllm"), cards[1], {"p2p": "works"})


def test_devices_that_differ_only_in_what_no_verdict_depends_on_are_of_one_class() -> None:
    first = Device("GPU-1", "cuda", 0, "Card", 24, 3, "12.0")
    assert class_of(first) == class_of(Device("GPU-2", "cuda", 1, "Card", 32, 9, "12.0"))
    assert class_of(first) != class_of(Device("MIG-1", "cuda", 1, "Card", 24, 3, parent="GPU-1"))


words = st.sampled_from(["vllm", "none", "awq", "int8", "auto", "bfloat16", "fp8", "?", ""])
workloads = st.builds(
    Workload,
    engine=words,
    dtype=words,
    quantization=words,
    kv_dtype=words,
    devices=st.integers(0, 9),
    traits=st.tuples(words),
)
devices = st.builds(
    Device,
    uuid=st.just("u"),
    kind=st.sampled_from(["cuda", "rocm", "cpu", ""]),
    index=st.just(0),
    name=st.text(max_size=4),
    memory_total=st.just(1),
    memory_used=st.just(0),
    compute_capability=st.none() | st.sampled_from(["12.0", "10.0", "7", "x", ""]),
    driver=st.none() | st.text(max_size=6),
    dtypes=st.tuples(words),
)


@given(workloads, devices, st.dictionaries(words, st.text(max_size=6), max_size=3))
def test_it_is_total_and_a_refusal_always_has_words(
    workload: Workload, on: Device, told: dict[str, str]
) -> None:
    file = Compatibility((PLAIN, OLD), (SETTING, REFUSING), NEAREST)
    verdict = judge(file, workload, on, told)
    assert verdict == judge(Compatibility(file.support, file.rules, NEAREST), workload, on, told)
    assert not (verdict.refusal and verdict.rules)
    assert verdict.refusal or not verdict.nearest
