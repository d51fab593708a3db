"""
A small claim, and its verdict
==============================

A claim is data: what is measured, along which axis, in which window, and which exponent is stated.
"""

# %%
# The transient of ZPG on a bandit. Everything that `setup` does not name is infinite, so no noise hides it.

from experiments import Claim, Execution, Setup, run_claims
from theory import STATED_RATE

claim = Claim(
    name="bandit T",
    method="zpg",
    instance="bandit",
    axis="T",
    grid=(256, 512, 1024),
    setup=Setup(n_iterations=1, radius=0.01, step_scale=10.0),
    rate=STATED_RATE,
    replicates=8,
    two_sided=False,
    reason="no noise: N and M are infinite",
)

# %%
# The results show themselves.

results = run_claims([claim], execution=Execution(jobs=1))
results

# %%
# The points behind the fit:

results.points[["x", "mean", "standard_error", "bound", "ratio"]]

# %%
# The same test for numbers of your own: 8 replicates at 4 points, with a true slope of -0.5.

from dataclasses import replace

import numpy as np

from experiments import fit_power_law, judge

x = np.array([1e2, 1e3, 1e4, 1e5])
noise = np.random.default_rng(0).normal(size=(4, 8))
fit = fit_power_law(x, x[:, None] ** -0.5 * (1 + 0.05 * noise))
judge(fit, replace(claim, name="mine N", axis="N", grid=tuple(x)))

# %%
import matplotlib.pyplot as plt

points = results.points
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.errorbar(points["x"], points["mean"], 2 * points["standard_error"], fmt="o", label="measured, 2 standard errors")
axes.loglog(points["x"], points["bound"], "--", color="black", label="bound with the L that is found")
axes.set(xlabel="iterations T", ylabel="mean of |grad V|$^2$")
axes.legend()
plt.show()
