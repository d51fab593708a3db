"""One look has one meaning, and looks that are drawn together differ for the colour-blind too."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from experiments.catalogue.methods import DIRECTIONS, METHODS
from paper_figures.style import levels_of, series_of
from theory import LINKS

# Red, green and blue of light as a reader without green cones sees them; G. Machado, M. Oliveira and L. Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
WITHOUT_GREEN = np.array([
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
])  # fmt: skip
TO_XYZ = np.array([
    [0.4124, 0.3576, 0.1805],
    [0.2126, 0.7152, 0.0722],
    [0.0193, 0.1192, 0.9505],
])  # fmt: skip
WHITE = np.array([0.9505, 1.0, 1.089])
DIFFERENT = 20.0  # distance in CIELAB; 2.3 is just seen side by side


def without_green(color: str) -> np.ndarray:
    """A colour in CIELAB as it is seen without green cones."""
    rgb = np.array(to_rgb(color))
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(np.clip(TO_XYZ @ np.clip(WITHOUT_GREEN @ light, 0, 1) / WHITE, 0.008856, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def closest(colors: dict[str, str]) -> tuple[float, tuple[str, str]]:
    seen = {name: without_green(color) for name, color in colors.items()}
    return min((float(np.linalg.norm(seen[a] - seen[b])), (a, b)) for a, b in combinations(seen, 2))


def of_directions() -> dict[str, str]:
    found = [name for name, method in METHODS.items() if method.group == DIRECTIONS and "value" not in method.title]
    return {name: series.color for name, series in series_of(found).items()}


def test_methods_that_are_drawn_together_differ_for_the_colour_blind() -> None:
    distance, pair = closest(of_directions())
    assert distance > DIFFERENT, pair


def test_the_look_that_zspo_had_is_noticed() -> None:
    assert closest(of_directions() | {"zspo": "#CC79A7"}) < (DIFFERENT, ("zbcpg-d", "zspo"))


def test_no_other_name_ever_has_the_look_of_a_method_or_a_link() -> None:
    """The fault was a green triangle that was K = d, logistic raters and beta = 0.1."""
    known = {*METHODS, *LINKS}
    looks = {(s.look.color, s.look.marker) for s in series_of(list(known)).values()}
    others = [f"setting {number}" for number in range(30)]
    found = [(s.look.color, s.look.marker) for s in series_of(others).values()]
    assert len(set(found)) == len(found)
    assert not looks & set(found)
    assert not looks & {(s.look.color, s.look.marker) for s in levels_of(others[:5]).values()}
    whole = {(s.look.color, s.look.marker, s.look.filled) for s in series_of(list(known)).values()}
    assert len(whole) == len(known)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_levels_go_from_dark_to_light_and_differ_in_grey(n: int) -> None:
    found = levels_of([f"{number}" for number in range(n)] * 2)
    lightness = [np.dot(to_rgb(series.color), (0.2126, 0.7152, 0.0722)) for series in found.values()]
    assert len(found) == n
    assert all(later - earlier > 0.05 for earlier, later in pairwise(lightness))
    assert len({(series.look.marker, series.look.dashes) for series in found.values()}) == n
    assert lightness[-1] < 0.75


def test_more_levels_than_there_are_shades_have_free_looks() -> None:
    names = [f"{number}" for number in range(8)]
    assert levels_of(names) == series_of(names)


def test_a_link_looks_the_same_whatever_is_drawn_beside_it() -> None:
    assert series_of(["probit"])["probit"] == series_of(["other", "logistic", "probit"])["probit"]
