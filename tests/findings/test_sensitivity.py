from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from findings.finding import FindingStatus
from findings.profile import load_profile
from findings.profile_diff import rank_moves
from findings.ranking import Ranking
from findings.sensitivity import CONCENTRATION, _agreement, sensitivity
from tests.findings.factories import a_bridge, a_finding, a_grade

PROFILE = load_profile()
ZERO: dict[str, Any] = {
    "emergency_route": "0", "third_party_below": 0, "aadt": 0, "detour_km": 0, "population_flood": 0,
    "replaceability": 0,
}  # fmt: skip


def ranking(count: int, profile: Any = PROFILE) -> Ranking:
    """Findings of one grade; the first half stands high by the route, the second by the detour, nearly alike."""
    found = [a_finding(f"f{n:02d}", grade=a_grade("d"), asset_uid=f"b{n}") for n in range(count)]
    assets = {
        f"b{n}": a_bridge(
            f"b{n}", soundness="II", **{**ZERO, **({"emergency_route": "1"} if n < count // 2 else {"detour_km": 50})}
        )
        for n in range(count)
    }
    return Ranking(found, assets, profile)


def test_a_head_that_hangs_on_one_weight_is_fragile_and_one_by_grades_is_not() -> None:
    near = sensitivity(ranking(8), head=4, draws=100)
    assert set(near.stays) == {"f00", "f01", "f02", "f03"}
    assert near.fragile
    assert near.enters
    found = [a_finding(f"g{n}", grade=a_grade("e" if n < 3 else "b"), asset_uid="b") for n in range(8)]
    sure = sensitivity(Ranking(found, {"b": a_bridge("b", soundness="I", **ZERO)}, PROFILE), head=3, draws=100)
    assert sure.stays == {"g0": 1.0, "g1": 1.0, "g2": 1.0}
    assert sure.fragile == []
    assert sure.kept == 1.0


def test_the_draws_follow_from_the_seed_and_an_empty_list_is_stable() -> None:
    assert sensitivity(ranking(6), head=3, draws=30, seed=4) == sensitivity(ranking(6), head=3, draws=30, seed=4)
    empty = sensitivity(Ranking([], {}, PROFILE))
    assert (empty.head, empty.kept) == (0, 1.0)


def test_the_agreement_of_two_orders_is_kendalls_tau() -> None:
    falling = np.array([-3.0, -9.0, -5.0, -1.0, -5.0, -2.0])
    place = np.empty(6)
    place[np.argsort(falling, kind="stable")] = np.arange(6)
    wanted = kendalltau(np.arange(6), place).statistic
    assert _agreement(np.zeros(6, np.int64), falling) == pytest.approx(wanted)


def test_weights_that_hardly_move_leave_the_head_as_it_is() -> None:
    calm = sensitivity(ranking(8), head=4, draws=40, concentration=1e6)
    assert calm.kept == 1.0
    assert calm.kendall_tau == pytest.approx(1.0)


def test_another_profile_moves_findings_and_the_same_one_none() -> None:
    here = ranking(8)
    assert rank_moves(here, ranking(8)) == []
    other = rank_moves(here, ranking(8, load_profile("mndot-like-v1")))
    assert {move.finding_uid for move in other} <= {finding.uid for finding in here.findings}
    assert [abs(m.before - m.after) for m in other] == sorted((abs(m.before - m.after) for m in other), reverse=True)


@pytest.mark.parametrize("name", ["default-v1", "vdot-like-v1"])
def test_the_share_of_draws_is_that_of_lists_ranked_anew_with_the_drawn_weights(name: str) -> None:
    """Two findings, two weights: who leads follows from which of the two drawn weights is larger."""
    here = ranking(2, load_profile(name))
    found = sensitivity(here, head=1, draws=400, seed=3)
    ((leader, stays),) = found.stays.items()
    assert leader == here.findings[0].uid
    rows = load_profile(name).data["consequence"]
    weights = np.array([row["weight"] for row in rows.values()])
    pair = [list(rows).index(key) for key in ("emergency_route", "detour_km")]
    drawn = np.random.default_rng(9).dirichlet(CONCENTRATION * weights, 4000)[:, pair]
    leads = (drawn[:, 0] >= drawn[:, 1]) if leader == "f00" else (drawn[:, 1] > drawn[:, 0])
    assert stays == pytest.approx(leads.mean(), abs=0.08)


def test_bands_are_never_left_and_what_stands_before_the_last_band_always_stays() -> None:
    sure = FindingStatus.CONFIRMED
    official = [a_finding(f"o{n}", grade=a_grade("b"), asset_uid="grave", status=sure) for n in (1, 2)]
    others = [a_finding(f"f{n}", grade=a_grade("e"), asset_uid=f"b{n}") for n in range(6)]
    assets = {f"b{n}": a_bridge(f"b{n}", **{**ZERO, "aadt": 10**n}) for n in range(6)} | {
        "grave": a_bridge("grave", soundness="IV", **ZERO)
    }
    found = sensitivity(Ranking([*others, *official], assets, PROFILE), head=4, draws=50)
    assert [found.stays[f"o{n}"] for n in (1, 2)] == [1.0, 1.0]
    assert sum(found.stays.values()) + sum(found.enters.values()) == pytest.approx(4)
