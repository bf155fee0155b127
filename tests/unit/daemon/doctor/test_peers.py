from dataclasses import replace

from xinf.core.findings import Finding, Severity
from xinf.core.nodes import Device
from xinf.daemon.doctor.facts import PeersSeen, Reach
from xinf.daemon.doctor.peers import check_peers, is_broken, is_proven, pairs_of

CARD = Device("GPU-0", "cuda", 0, "RTX 5090", 1, 0, "12.0")


def card(index: int, name: str = "RTX 5090", **more: str) -> Device:
    return replace(CARD, uuid=f"GPU-{index}", index=index, name=name, **more)  # type: ignore[arg-type]


TWO = (card(0), card(1), Device("cpu", "cpu", 0, "CPU", 1, 0))


def seen(reach: Reach, detail: str = "", without: Reach = Reach.UNTRIED) -> PeersSeen:
    return PeersSeen(("cuda:0", "cuda:1"), reach, detail, without)


def finding(*met: PeersSeen) -> Finding:
    (found,) = check_peers(TWO, met)
    return found


def test_neighbours_of_one_name_meet_and_slices_do_not() -> None:
    mixed = (card(0), card(1, "H100"), card(2), card(3, "H100"), card(4))
    slices = (card(5, "H100 MIG", parent="GPU-1"), card(6, "H100 MIG", parent="GPU-1"))
    pairs = pairs_of((*mixed, *slices, replace(TWO[2])))
    assert [(first.index, second.index) for first, second in pairs] == [(1, 3), (0, 2), (2, 4)]
    assert pairs_of((card(0),)) == ()


def test_one_card_needs_no_peer() -> None:
    assert list(check_peers((card(0),), ())) == []


def test_what_was_not_tried_is_unproven_and_says_how_to_try_it() -> None:
    found = finding(seen(Reach.UNTRIED, "no runtime"))
    assert found.severity is Severity.INFO
    assert "unproven" in found.message
    assert "no runtime" in found.message
    assert "xinf runtime install vllm-cuda" in found.fix
    assert finding().severity is Severity.INFO


def test_cards_that_reach_each_other_are_fine() -> None:
    found = finding(seen(Reach.WORKS))
    assert (found.severity, found.message) == (
        Severity.OK,
        "cuda:0 and cuda:1 reach each other's memory",
    )


def test_cards_that_hang_or_lie_are_a_warning_while_it_works_without() -> None:
    for reach in (Reach.HANGS, Reach.WRONG):
        found = finding(seen(reach, without=Reach.WORKS))
        assert found.severity is Severity.WARN
        assert "NCCL_P2P_DISABLE=1" in found.message
        assert "iommu=pt" in found.fix


def test_cards_that_never_meet_are_a_failure() -> None:
    for without in (Reach.HANGS, Reach.CRASHED, Reach.UNTRIED):
        found = finding(seen(Reach.HANGS, without=without))
        assert found.severity is Severity.FAIL
        assert "devices = 1" in found.fix


def test_a_probe_that_could_not_be_made_is_a_warning_with_its_last_words() -> None:
    found = finding(seen(Reach.CRASHED, "RuntimeError: CUDA error: out of memory"))
    assert found.severity is Severity.WARN
    assert "out of memory" in found.message
    assert found.fix


def test_a_proof_takes_all_pairs_and_one_is_enough_against() -> None:
    works, hangs, crashed = seen(Reach.WORKS), seen(Reach.HANGS), seen(Reach.CRASHED)
    assert is_proven((works, works))
    assert not is_proven((works, crashed))
    assert not is_proven(())
    assert is_broken((works, hangs))
    assert is_broken((seen(Reach.WRONG),))
    assert not is_broken((works, crashed))
