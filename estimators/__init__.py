"""Everything that draws: directions, trajectories, votes, gradient estimates, and the one ascent loop."""

from estimators.ascent import Ascent, ascend
from estimators.directions import Blocks, Directions, Sphere
from estimators.feedback import ExactFeedback, Feedback, PreferenceFeedback, ReturnFeedback, SignFeedback
from estimators.moments import GradientMoments
from estimators.panels import Panels
from estimators.score_function import Baseline, Gpomdp, Reinforce
from estimators.streams import Streams
from estimators.zeroth_order import GradientEstimator, ZerothOrder, zbcpg, zpg

__all__ = [
    "Ascent",
    "Baseline",
    "Blocks",
    "Directions",
    "ExactFeedback",
    "Feedback",
    "Gpomdp",
    "GradientEstimator",
    "GradientMoments",
    "Panels",
    "PreferenceFeedback",
    "Reinforce",
    "ReturnFeedback",
    "SignFeedback",
    "Sphere",
    "Streams",
    "ZerothOrder",
    "ascend",
    "zbcpg",
    "zpg",
]
