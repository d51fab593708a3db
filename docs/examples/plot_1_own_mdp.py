"""
An MDP of your own, and its optimum
===================================

Two states, three actions. Exact values, an ascent from votes, and the floor that is predicted for it.
"""

# %%
# Rewards are for state and action, and the horizon is 3. The policy has one angle a state.

import numpy as np

from estimators import ascend, stationary_law, zpg
from theory import CircularPolicy, Logistic, TabularMDP, policy_value, return_distribution

mdp = TabularMDP(
    transitions=[[[0.5, 0.5], [0.1, 0.9], [0.9, 0.1]], [[0.2, 0.8], [1.0, 0.0], [0.6, 0.4]]],
    rewards=[[0, 1, 0.5], [1, 0, 0.5]],
    initial=[1, 0],
    horizon=3,
)
policy = CircularPolicy(n_states=2, n_actions=3, concentration=1.0)
law = return_distribution(mdp, policy, np.zeros(2))
dict(zip(law.values.tolist(), law.probabilities.round(4).tolist(), strict=True))

# %%
# 64 runs of ZPG at once. It sees votes only: 5 on each of 100 pairs, in every iteration.

estimator = zpg(radius=0.3, n_pairs=100, n_queries=5, link=Logistic(2.0))
rng = np.random.default_rng(0)
runs = ascend(mdp, policy, estimator, np.zeros((64, 2)), n_iterations=200, step_size=0.05, rng=rng)
f"value from {policy_value(mdp, policy, np.zeros(2)):.3f} to {policy_value(mdp, policy, runs.theta).mean():.3f}"

# %%
# The law of the algorithm predicts the floor of E|grad V|^2. Nothing is fitted: the parameters only say where to
# look for the point to which the algorithm drifts.

predicted = stationary_law(mdp, policy, estimator, runs.theta.mean(axis=0), 0.05, np.random.default_rng(1))
f"a distance from the floor falls to 1/e in {predicted.mixing_iterations} iterations"

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.semilogy(runs.gradient_norm_sq.T, color="0.8", linewidth=0.5)
axes.semilogy(runs.gradient_norm_sq.mean(axis=0), label="mean of 64 runs")
axes.axhline(predicted.gradient_norm_sq, color="black", linestyle="--", label="predicted floor")
axes.set(xlabel="iteration", ylabel="|grad V|$^2$, exact", ylim=(1e-5, 1))
axes.legend()
plt.show()
