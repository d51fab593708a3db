"""All that draws random numbers: directions, trajectories, votes, gradient estimates, and the one ascent loop."""

from estimators.ascent import Ascent, ascend
from estimators.critic import LearnedCritic
from estimators.directions import Blocks, Directions, Sphere
from estimators.dpo import Dpo
from estimators.energy_balance import energy_defect
from estimators.exact_gradient import ExactGradient
from estimators.feedback import ExactFeedback, Feedback, PreferenceFeedback, ReturnFeedback, SignFeedback
from estimators.leading_mixing import leading_mixing
from estimators.learners import Learner
from estimators.linear_control import ControlledAscent, ascend_with_control
from estimators.local_model import LocalModel
from estimators.moments import GradientMoments
from estimators.ppo import Ppo
from estimators.preference_data import PreferenceData
from estimators.reward_model import RewardModel
from estimators.score_function import Baseline, Gpomdp, Reinforce
from estimators.stacked_feedback import StackedFeedback
from estimators.stationary_law import StationaryLaw, law_at, stationary_law
from estimators.streams import Streams
from estimators.zeroth_order import GradientEstimator, ZerothOrder, zbcpg, zpg

__all__ = [
    "Ascent",
    "Baseline",
    "Blocks",
    "ControlledAscent",
    "Directions",
    "Dpo",
    "ExactFeedback",
    "ExactGradient",
    "Feedback",
    "Gpomdp",
    "GradientEstimator",
    "GradientMoments",
    "LearnedCritic",
    "Learner",
    "LocalModel",
    "Ppo",
    "PreferenceData",
    "PreferenceFeedback",
    "Reinforce",
    "ReturnFeedback",
    "RewardModel",
    "SignFeedback",
    "Sphere",
    "StackedFeedback",
    "StationaryLaw",
    "Streams",
    "ZerothOrder",
    "ascend",
    "ascend_with_control",
    "energy_defect",
    "law_at",
    "leading_mixing",
    "stationary_law",
    "zbcpg",
    "zpg",
]
