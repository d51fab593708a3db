"""Your own parts in one module: zpg rates --claims example_module:CLAIMS, zpg figures --only example_module:FIGURE."""

import numpy as np

import paper_figures
from estimators import PreferenceFeedback, ZerothOrder
from experiments import Claim, Instance, Method, SettingGrid, Setup, run_claims
from theory import Rate, TabularMDP, VoteModel, sharpened_schedule


class Swing:  # two actions, one angle a state: the second action has probability (2 + sin(theta)) / 4
    n_states, n_actions, horizon, dim, score_bounds = 2, 2, None, 2, (1.0, 0.25)
    probabilities = staticmethod(lambda t: np.stack([2 - np.sin(t), 2 + np.sin(t)], axis=-1)[..., None, :, :] / 4)
    score_product = staticmethod(lambda t, pi, weights: (weights / pi * [-1, 1]).sum(axis=(-3, -1)) * np.cos(t) / 4)


class Algebraic:  # sigma(x) = 1/2 + x / (2 sqrt(1 + x^2))
    symmetric = True
    probability = staticmethod(lambda x: 0.5 + np.asarray(x) / np.hypot(1, x) / 2)
    inverse = staticmethod(lambda p: (np.asarray(p) - 0.5) / np.sqrt(p * (1 - np.asarray(p))))
    derivative = staticmethod(lambda x: np.hypot(1, x) ** -3 / 2)
    second_derivative = staticmethod(lambda x: -1.5 * np.asarray(x) * np.hypot(1, x) ** -5)


class Coordinates:  # one coordinate, up or down
    support = staticmethod(lambda dim: np.concatenate([np.eye(dim), -np.eye(dim)]))
    sample = staticmethod(lambda dim, batch, rng: Coordinates.support(dim)[rng.integers(2 * dim, size=batch)])


class Swapped(PreferenceFeedback):  # each pair is shown in the other order: the same law under a symmetric link
    def difference(self, mdp, policy, first, second, streams):
        return -super().difference(mdp, policy, second, first, streams)


class Shrunk(ZerothOrder):  # half of the estimate: its moments follow from the scale
    def scale(self, policy):
        return super().scale(policy) / 2


MDP = TabularMDP([[[0.5, 0.5], [0.1, 0.9]], [[0.2, 0.8], [1, 0]]], [[0, 1], [1, 0]], [0.5, 0.5], horizon=3)
POLICY, LINK, DIRECTIONS = Swing(), Algebraic(), Coordinates()
FEEDBACK = Swapped(np.asarray(100), "law", VoteModel(LINK, n_queries=5))
ESTIMATOR = Shrunk(DIRECTIONS, FEEDBACK, radius=0.5)
INSTANCE = Instance("own", "two states, two angles", MDP, POLICY, np.zeros(2), LINK)
GRID = SettingGrid(step=0.5, step_ratio=4.0, shape=(2, 1), knob=0.5)
METHOD = Method(
    "own", "My own", lambda dim, oracle, radius: Shrunk(DIRECTIONS, Swapped(**vars(oracle)), radius), lambda at: GRID
)
RATE = Rate("1 / T + 1 / sqrt(N)", "this module", {"T": -1.0, "N": -0.5}, sharpened_schedule, queries_power=1.0)
CLAIMS = [
    Claim("own T", METHOD, INSTANCE, "T", (128, 256, 512), Setup(1, radius=0.01), RATE, 8, True, "no noise"),
    Claim("own N", METHOD, INSTANCE, "N", (1e3, 1e4, 1e5), Setup(400, burn_in=0.5), RATE, 32, True, "the tail"),
]
FIGURE = paper_figures.PaperFigure(
    "own",
    "Rates of my own",
    compute=lambda context: vars(run_claims(CLAIMS, execution=context.execution)),
    draw=lambda frames: paper_figures.draw_rates(**frames, instance="own"),
)
