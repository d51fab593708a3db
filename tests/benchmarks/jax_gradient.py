"""Part c: value and gradient of 256 policies beside the same in jitted JAX, in 64 bits.

A compiled kernel of our own would be worth its dependency if it won by 2 at sizes that users have. The ratios show what
a compiler makes of it: they are above 1/2.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from ratios import Line, Work, beside, missing

from theory import CircularPolicy, TabularMDP, TabularSoftmax, garnet, value_and_gradient
from theory.arrays import FloatArray

PART = "c"
RUNS = 256
SIZES = ((5, 3, 5), (16, 4, 10), (25, 4, 10))
WANTED = 0.9


def lines() -> Iterator[Line]:
    """Time a policy, at three sizes, and for circular policies at the smallest."""
    if not find_spec("jax"):
        yield missing(PART, "jax")
        return
    for policy, horizon in [*((TabularSoftmax(s, a), h) for s, a, h in SIZES), (CircularPolicy(5, 3, 1.0), 5)]:
        mdp = garnet(policy.n_states, policy.n_actions, 3, horizon, np.random.default_rng(0))
        theta = np.random.default_rng(1).normal(size=(RUNS, policy.dim))
        yield beside(
            PART,
            f"value and gradient, S = {policy.n_states}, A = {policy.n_actions}, H = {horizon}, "
            f"{type(policy).__name__}, beside JAX",
            (lambda mdp=mdp, policy=policy, theta=theta: value_and_gradient(mdp, policy, theta), RUNS),
            (jitted(mdp, policy, theta), RUNS),
            wanted=WANTED,
            note="a policy, of 256; compiled before",
            longest=4.0,
        )


def jitted(mdp: TabularMDP, policy: TabularSoftmax | CircularPolicy, theta: FloatArray) -> Work:
    """Value and gradient of all policies, compiled, and checked against this package."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    n_states, n_actions = mdp.n_states, mdp.n_actions
    kernel = np.zeros((n_states, n_actions, n_states))
    at = np.arange(n_states)[:, None, None], np.arange(n_actions)[:, None], mdp.next_states[0]
    np.add.at(kernel, at, mdp.probabilities[0])
    rewards, initial, horizon = mdp.expected_reward[0], mdp.initial, mdp.horizon
    angles = 2 * np.pi * np.arange(n_actions) / n_actions
    circular = isinstance(policy, CircularPolicy)

    def value(parameters: jax.Array) -> jax.Array:
        table = jnp.cos(parameters[:, None] - angles) if circular else parameters.reshape(n_states, n_actions)
        pi = jax.nn.softmax(table, axis=1)
        # The chain of the policy is formed once, which is less work than a step over all actions.
        chain, paid = jnp.einsum("sa,sat->st", pi, kernel), (pi * rewards).sum(axis=1)
        state_value = paid
        for _ in range(horizon - 1):
            state_value = paid + chain @ state_value
        return initial @ state_value

    compiled = jax.jit(jax.vmap(jax.value_and_grad(value)))
    given = jnp.asarray(theta)
    for mine, its in zip(value_and_gradient(mdp, policy, theta), compiled(given), strict=True):
        np.testing.assert_allclose(np.asarray(its), mine, rtol=0, atol=1e-10)
    return lambda: jax.block_until_ready(compiled(given))
