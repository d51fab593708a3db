"""All that draws random numbers: directions, trajectories, votes, gradient estimates, and the one ascent loop."""

from estimators.ascent import Ascent, ascend
from estimators.directions import Blocks, Directions, Sphere
from estimators.dpo import Dpo
from estimators.exact_gradient import ExactGradient
from estimators.feedback import ExactFeedback, Feedback, PreferenceFeedback, ReturnFeedback, SignFeedback
from estimators.learners import Learner
from estimators.moments import GradientMoments
from estimators.ppo import Ppo
from estimators.preference_data import PreferenceData
from estimators.reward_model import RewardModel
from estimators.score_function import Baseline, Gpomdp, Reinforce
from estimators.stacked_feedback import StackedFeedback
from estimators.streams import Streams
from estimators.zeroth_order import GradientEstimator, ZerothOrder, zbcpg, zpg

__all__ = [
    "Ascent",
    "Baseline",
    "Blocks",
    "Directions",
    "Dpo",
    "ExactFeedback",
    "ExactGradient",
    "Feedback",
    "Gpomdp",
    "GradientEstimator",
    "GradientMoments",
    "Learner",
    "Ppo",
    "PreferenceData",
    "PreferenceFeedback",
    "Reinforce",
    "ReturnFeedback",
    "RewardModel",
    "SignFeedback",
    "Sphere",
    "StackedFeedback",
    "Streams",
    "ZerothOrder",
    "ascend",
    "zbcpg",
    "zpg",
]
