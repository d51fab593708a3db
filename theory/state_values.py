"""Values of a batch of policies without their action values, by whichever of two routes is less work.

The batch goes through the kernel of the MDP together, in pieces that stay in the cache. Or each policy forms the kernel
of its own Markov chain, A times smaller, and each of its steps is one product of that with a vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.arrays import stage
from theory.mdp import TabularMDP
from theory.memory import keep_pages
from theory.transition_matrices import DENSE_ENTRIES

# Limits between the routes, as measured: so few policies fill no matrix product; a chain of so many entries stays in
# the cache from step to step; with so many in the kernel of the MDP, a step of the chain is less work, calls included.
FEW = 3
CHAIN_ENTRIES = 2**16
KERNEL_ENTRIES = 2**15
# Numbers in an array (S, A, piece), and policies whose chains are formed together.
PIECE = 2**17
SMALLEST_PIECE = 128
CHAINS = 16
# Rows of whole cache lines make faster products.
LINE = 8


def start_values(mdp: TabularMDP, pi: NDArray[Any]) -> NDArray[Any]:
    """V at the law of the first state, (B,), of action probabilities (1 or H, S, A, B)."""
    keep_pages()
    n_batch = pi.shape[-1]
    by_chains = _by_chains(mdp, pi)
    piece = CHAINS if by_chains else max(SMALLEST_PIECE, PIECE // (mdp.n_states * mdp.n_actions))
    route = chain_values if by_chains else batch_values
    if n_batch <= piece:
        return np.asarray(mdp.initial @ route(mdp, pi))
    parts = [route(mdp, np.ascontiguousarray(pi[..., i : i + piece])) for i in range(0, n_batch, piece)]
    return np.concatenate([mdp.initial @ part for part in parts])


def _by_chains(mdp: TabularMDP, pi: NDArray[Any]) -> bool:
    """Whether chains of their own are less work; they need a law and policies that are the same at every step."""
    if not mdp.stationary or len(pi) > 1:
        return False
    chain = mdp.n_states**2
    if pi.shape[-1] <= FEW and chain <= DENSE_ENTRIES:
        return True
    dense = isinstance(mdp.successor_kernels[0], np.ndarray)
    return dense and chain <= CHAIN_ENTRIES and chain * mdp.n_actions >= KERNEL_ENTRIES


def batch_values(mdp: TabularMDP, pi: NDArray[Any]) -> NDArray[Any]:
    """State values (S, B) at the first step, all policies through the kernel of the MDP together."""
    value = np.zeros((mdp.n_states, pi.shape[-1]), dtype=pi.dtype)
    for h in reversed(range(mdp.horizon)):
        q = (stage(mdp.successor_kernels, h) @ value).reshape(pi.shape[1:])
        q += stage(mdp.expected_reward, h)[..., None]
        value = np.einsum("sab,sab->sb", stage(pi, h), q)
    return value


def chain_values(mdp: TabularMDP, pi: NDArray[Any]) -> NDArray[Any]:
    """State values (S, B) at the first step, each policy through the kernel of its own chain."""
    n_states, n_actions, n_batch = pi.shape[1:]
    kernel = mdp.successor_kernels[0]
    dense = kernel if isinstance(kernel, np.ndarray) else kernel.toarray()
    # One row and column more, with the reward and the constant 1, make a step one product.
    size = -(-(n_states + 1) // LINE) * LINE
    chains = np.zeros((n_batch, size, size), dtype=pi.dtype)
    # One product for every state: (B, A) with (A, S).
    moves = np.matmul(pi[0].swapaxes(1, 2), dense.reshape(n_states, n_actions, n_states))
    chains[:, :n_states, :n_states] = moves.swapaxes(0, 1)
    chains[:, :n_states, n_states] = np.add.reduce(pi[0] * mdp.expected_reward[0, ..., None], axis=1).T
    chains[:, n_states, n_states] = 1
    values = np.zeros((size, n_batch), dtype=pi.dtype)
    values[n_states] = 1
    for b, chain in enumerate(chains):
        value = values[:, b]
        for _ in range(mdp.horizon):
            value = chain.dot(value)
        values[:, b] = value
    return values[:n_states]
