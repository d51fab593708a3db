"""
Where the error of an estimate comes from
=========================================

The mean squared error of one estimate has five parts: smoothing and the reading of votes bias it; the direction, the
trajectories and the votes make it vary. All are exact sums. Nothing is drawn here.
"""

# %%
# The two-armed bandit, at its start. ZBCPG with K = 1 moves one coordinate at a time.

import matplotlib.pyplot as plt
import numpy as np

from estimators import zbcpg
from experiments import find

instance = find("instance", "bandit")
radii = np.geomspace(0.3, 30, 30)
estimator = zbcpg(block_size=1, radius=radii, n_pairs=100, n_queries=5, link=instance.link)
moments = estimator.moments(instance.mdp, instance.policy, np.broadcast_to(instance.start, (30, instance.policy.dim)))

# %%
# A small radius is noisy, a large one biased.

parts = {
    "bias": moments.bias_squared,
    "direction": moments.variance_direction,
    "trajectories": moments.variance_trajectory,
    "votes": moments.variance_query,
}
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, part in parts.items():
    axes.loglog(radii, np.maximum(part, 1e-12), label=name)
axes.loglog(radii, moments.mse, color="black", label="all")
axes.set(xlabel="radius", ylabel="mean squared error", ylim=(1e-4, 10))
axes.legend()
plt.show()
