"""
How to spend a budget
=====================

Trajectories and votes have prices. What should be bought: more iterations, more pairs, or more votes on each?
"""

# %%
# A vote costs ten times as much as a trajectory here.

from experiments import Prices, plan_budget

plan = plan_budget("bandit", budget=1e5, prices=Prices(trajectory=1, vote=10))
plan

# %%
# Other ways of asking, and the schedule of the paper, at the same cost:

plan.others

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.loglog(plan.front["cost"], plan.front["error"], "o-")
axes.plot(plan.best.cost, plan.error, "s", color="black", label="the plan")
axes.set(xlabel="cost", ylabel="predicted mean of |grad V|$^2$")
axes.legend()
plt.show()
