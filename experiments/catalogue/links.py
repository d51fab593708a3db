"""The links with built-in names, and the scales at which the exact claims and figures on inversion bias use them."""

from __future__ import annotations

from experiments.catalogue.lookup import Kind
from experiments.catalogue.requirements import require_sound
from theory import LINKS, Link, Trimmed, VoteModel
from theory.links import ScaledLink, largest_trim

HORIZON = 5


def scaled_link(name: str, horizon: int = HORIZON) -> ScaledLink:
    """Link with scale H / 2. The linear link has scale 2 H, since it must be invertible on [-H, H]."""
    return LINKS[name](scale=2.0 * horizon if name == "linear" else horizon / 2)


def boundary_model(name: str, n_queries: int, horizon: int = HORIZON) -> tuple[VoteModel, float]:
    """Vote model with the largest legal trim, and the difference of returns whose mean vote share lies at this trim."""
    link = scaled_link(name, horizon)
    low, high = float(link.probability(-horizon)), float(link.probability(horizon))
    model = VoteModel(link, n_queries, Trimmed(largest_trim(link, horizon)))
    return model, float(-horizon if low <= 1 - high else horizon)


def matched_link(name: str, link: Link) -> Link:
    """Link of that name with the slope at 0 of a given link, so that only the shape differs.

    A user's own link is taken unchanged.

    Raises
    ------
    InputError
        If there is no such link.
    """
    if not isinstance(name, str) or name not in LINKS:
        return KIND.find(name)
    if isinstance(link, LINKS[name]):
        return link
    return LINKS[name](scale=float(LINKS[name]().derivative(0.0) / link.derivative(0.0)))


def _accepted(text: str, found: object) -> Link:
    require_sound("link", text, found)
    link: Link = found  # type: ignore[assignment]  # as just checked
    return link


def _summary(link: type[ScaledLink]) -> str:
    return (link.__doc__ or "").strip().splitlines()[0]


KIND: Kind[Link] = Kind(
    "link", lambda: {name: _summary(link) for name, link in LINKS.items()}, lambda name: LINKS[name](), _accepted
)
