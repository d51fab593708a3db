"""The methods with built-in names."""

from __future__ import annotations

from estimators import Baseline, Blocks, ExactGradient, Gpomdp, Reinforce, Sphere, ZerothOrder
from experiments.catalogue.lookup import Kind
from experiments.catalogue.method import Look, Method
from experiments.catalogue.method_builders import (
    DIRECTIONS,
    LEARNERS,
    N_SETTINGS,
    VARIANTS,
    YARDSTICKS,
    averaged,
    blocks,
    common,
    dpo_early,
    dpo_minimised,
    dpo_online,
    one_coordinate,
    perturbing,
    ppo,
    ppo_kl,
    returns,
    seeing,
)
from experiments.catalogue.requirements import require_sound
from experiments.catalogue.setting_grid import SettingGrid
from theory import HaldaneAnscombe, InputError, Jackknife, MajoritySign

__all__ = ["DIRECTIONS", "KIND", "LEARNERS", "METHODS", "N_SETTINGS", "VARIANTS", "YARDSTICKS", "methods_named"]

_METHODS = (
    perturbing("zpg", "ZPG", group=DIRECTIONS, look=Look("#0072B2", "o", 7.5, False)),
    perturbing(
        "zbcpg-1", "ZBCPG, K = 1", blocks(1), radius=one_coordinate,
        group=DIRECTIONS, family="zbcpg", look=Look("#D55E00", "s", 4.6, False, (4, 1.5)),
    ),
    perturbing(
        "zbcpg-3", "ZBCPG, K = 3", blocks(3),
        least_dim=3, group=DIRECTIONS, family="zbcpg", look=Look("#000000", "D", 2.0, True, (1, 1.2)),
    ),
    perturbing(
        "zbcpg-d", "ZBCPG, K = d", Blocks,
        group=DIRECTIONS, family="zbcpg", look=Look("#009E73", "^", 5.0, False, (5, 1, 1, 1)),
    ),
    perturbing(
        "zspo", "ZSPO", feedback=lambda oracle: oracle.as_batches(), step=8.0,
        group=DIRECTIONS, look=Look("#7A0177", "v", 4.5, True, (7, 2)),
    ),
    perturbing(
        "zspo-pairs", "signs, pair by pair", feedback=lambda oracle: oracle.reading(MajoritySign()), step=8.0,
        group=VARIANTS, look=Look("#999933", "v", 4.5, False, (3, 1.5)),
    ),
    perturbing(
        "zpg-symmetric", "ZPG, symmetric pairs", symmetric=True,
        group=VARIANTS, look=Look("#44AA99", "8", 5.0, False, (8, 1.2, 2, 1.2)),
    ),
    perturbing(
        "zpg-haldane", "ZPG, Haldane-Anscombe", feedback=lambda oracle: oracle.reading(HaldaneAnscombe()),
        group=VARIANTS, look=Look("#E69F00", "p", 5.0, False, (3, 1, 1, 1)),
    ),
    perturbing(
        "zpg-jackknife", "ZPG, jackknife", feedback=lambda oracle: oracle.reading(Jackknife()),
        group=VARIANTS, look=Look("#000000", "*", 5.5, True, (1, 2.5)),
    ),
    perturbing(
        "zpg-until", "ZPG, votes until the first disagreement", feedback=lambda oracle: oracle.until_disagreement(),
        group=VARIANTS, look=Look("#117733", "s", 4.5, True, (4, 1, 1, 1, 1, 1)),
    ),
    perturbing(
        "zpg-ordered", "ZPG, pairs in random order", feedback=lambda oracle: oracle.in_random_order(),
        group=VARIANTS, look=Look("#6699CC", "^", 5.0, True, (7, 1, 2, 1)),
    ),
    perturbing(
        "zpg-common", "ZPG, common random numbers", feedback=common, stacks=False,
        group=VARIANTS, work=50.0, look=Look("#CC79A7", "H", 5.0, False, (5, 2)),
    ),
    Method(
        "zpg-averaged", "ZPG, 4 directions",
        lambda dim, oracle, radius: ZerothOrder(Sphere(), averaged(oracle, 4), radius, n_directions=4),  # noqa: ARG005
        group=VARIANTS, look=Look("#332288", "1", 6.0, True, (6, 1, 1, 1, 1, 1)),
    ),
    perturbing(
        "value-sphere", "value feedback, sphere", feedback=returns,
        group=DIRECTIONS, look=Look("#56B4E9", "8", 5.0, True, (9, 2)),
    ),
    perturbing(
        "value-1", "value feedback, K = 1", blocks(1), returns, radius=one_coordinate,
        group=DIRECTIONS, look=Look("#E69F00", "p", 5.0, True, (2, 1)),
    ),
    dpo_minimised(),
    dpo_early(),
    dpo_online(),
    ppo(
        "ppo-offline", "reward model + PPO, offline", Look("#CC6677", "<", 5.0, False, (6, 1.2)), online=False
    ),
    ppo("ppo-online", "reward model + PPO, online", Look("#882255", ">", 5.0, True, (3, 0.8)), online=True),
    ppo(
        "ppo-sampled", "reward model + PPO, sampled", Look("#AA4499", "X", 5.0, True, (1.5, 0.8)),
        online=True, sampled=True,
    ),
    ppo_kl(),
    seeing(
        "reinforce-none", "REINFORCE, no baseline", lambda n: Reinforce(n, Baseline.NONE),
        Look("#56B4E9", "2", 6.0, True, (4, 4)),
    ),
    seeing(
        "gpomdp-none", "GPOMDP, no baseline", lambda n: Gpomdp(n, Baseline.NONE),
        Look("#E69F00", "3", 6.0, True, (6, 3)),
    ),
    seeing(
        "reinforce", "REINFORCE (sees returns)", lambda n: Reinforce(n, Baseline.VALUE),
        Look("#56B4E9", "x", 5.0, True, (2, 2)), tuned=True,
    ),
    seeing(
        "gpomdp", "GPOMDP (sees rewards)", lambda n: Gpomdp(n, Baseline.VALUE),
        Look("#E69F00", "P", 4.5, True, (3, 1, 1, 1, 1, 1)), tuned=True,
    ),
    seeing(
        "reinforce-best", "REINFORCE, best baseline", lambda n: Reinforce(n, Baseline.BEST),
        Look("#0072B2", "4", 6.0, True, (1, 4)),
    ),
    Method(
        "exact", "exact ascent", lambda dim, oracle, knob: ExactGradient(),  # noqa: ARG005
        lambda instance: SettingGrid(0.1, 4, (N_SETTINGS, 1)),  # noqa: ARG005
        knob="", stacks=True, deterministic=True, group=YARDSTICKS, work=0.2,
        look=Look("#000000", "+", 5.0, True, (9, 1.5, 1.5, 1.5)),
    ),
)  # fmt: skip

METHODS = {method.name: method for method in _METHODS}


def methods_named(pattern: str) -> list[str]:
    """Names of a method, of a family such as ``zbcpg``, or of all methods; ``module:attribute`` stands for itself.

    Raises
    ------
    InputError
        If there is no such method.
    """
    names = [name for name, method in METHODS.items() if pattern and pattern in ("all", name, method.family)]
    if not names:
        find_method(pattern)
        return [pattern]
    return names


def _accepted(text: str, found: object) -> Method:
    if not isinstance(found, Method):
        raise InputError(
            f"method {text!r} must be a Method, got {type(found).__name__}; write Method(name, title, build)"
        )
    require_sound("method", text, found)
    return found


KIND = Kind("method", lambda: {name: m.title for name, m in METHODS.items()}, METHODS.__getitem__, _accepted)
find_method = KIND.find
