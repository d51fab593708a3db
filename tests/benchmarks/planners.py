"""Finite-horizon optimum by other packages, each from the same arrays of outcomes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from theory import TabularMDP


def ours(mdp: TabularMDP) -> TabularMDP:
    """The same MDP from its arrays, with nothing worked out yet."""
    return TabularMDP.from_outcomes(mdp.probabilities[0], mdp.next_states[0], mdp.rewards[0], mdp.initial, mdp.horizon)


def _kernel(mdp: TabularMDP) -> csr_matrix:
    """(S A, S), rows (s, a). Rows are complete, so the matrix needs no sorting."""
    p, to = mdp.probabilities[0], mdp.next_states[0]
    ends = np.arange(0, p.size + 1, p.shape[-1])
    kernel = csr_matrix((p.flatten(), to.flatten(), ends), shape=(len(ends) - 1, mdp.n_states))
    kernel.sum_duplicates()
    return kernel


def _rewards(mdp: TabularMDP) -> np.ndarray:
    return (mdp.probabilities[0] * mdp.rewards[0]).sum(axis=-1)


def quantecon_dense(mdp: TabularMDP) -> Callable[[], float]:
    """Model of quantecon with arrays (S, A, S)."""
    from quantecon.markov import DiscreteDP

    dense = _kernel(mdp).toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    return _quantecon(mdp, lambda: DiscreteDP(_rewards(mdp), dense, 1.0))


def quantecon_sparse(mdp: TabularMDP) -> Callable[[], float]:
    """Model of quantecon by pairs of state and action."""
    from quantecon.markov import DiscreteDP

    states, actions = np.divmod(np.arange(mdp.n_states * mdp.n_actions), mdp.n_actions)
    return _quantecon(mdp, lambda: DiscreteDP(_rewards(mdp).ravel(), _kernel(mdp), 1.0, states, actions))


def _quantecon(mdp: TabularMDP, build: Callable[[], Any]) -> Callable[[], float]:
    from quantecon.markov import backward_induction

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that infinite horizons need a discount
        model = build()
    return lambda: float(mdp.initial @ backward_induction(model, mdp.horizon)[0][0])


def mdptoolbox_sparse(mdp: TabularMDP) -> Callable[[], float]:
    """Model of pymdptoolbox with one sparse matrix an action."""
    from mdptoolbox.mdp import FiniteHorizon

    kernel = _kernel(mdp)
    kernels = tuple(kernel[a :: mdp.n_actions] for a in range(mdp.n_actions))

    def solve() -> float:
        with redirect_stdout(io.StringIO()):  # it prints that infinite horizons need a discount
            model = FiniteHorizon(kernels, _rewards(mdp), 1.0, mdp.horizon)
        model.run()
        return float(mdp.initial @ model.V[:, 0])

    return solve


def mdpsolver_discounted(mdp: TabularMDP) -> Callable[[], float]:
    """Model of mdpsolver, which has no finite horizon: discounted, with H as its mean horizon."""
    import mdpsolver

    model = mdpsolver.model()
    model.mdp(
        discount=1 - 1 / mdp.horizon,
        rewards=_rewards(mdp).tolist(),
        tranMatProbs=mdp.probabilities[0].tolist(),
        tranMatColumns=mdp.next_states[0].tolist(),
    )

    def solve() -> float:
        model.solve(parallel=False)
        return float(mdp.initial @ np.array(model.getValueVector()))

    return solve
