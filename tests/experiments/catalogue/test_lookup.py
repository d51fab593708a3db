"""One lookup: built-in names, module:attribute, objects; what is unknown gets the nearest names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments import find
from experiments.catalogue import user_modules
from experiments.catalogue.lookup import kind_named
from experiments.catalogue.shipped_claims import claims_in
from theory import InputError, Jackknife, Link, Logistic, TabularMDP, bandit

KINDS = ("instance", "method", "link", "inversion", "claim")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))

    def write(text: str) -> None:
        (tmp_path / "own.py").write_text(text)

    yield write
    user_modules.forget()


@pytest.mark.parametrize("kind", KINDS)
def test_every_built_in_name_is_found_and_told_in_a_line(kind):
    names = kind_named(kind).names()
    assert names
    for name, summary in names.items():
        assert summary, name
        assert "\n" not in summary
        if not (kind == "instance" and name in ("taxi", "cliffwalking", "circular-frozenlake")):
            assert find(kind, name) is not None


def test_an_object_is_given_back():
    instance = find("instance", "bandit")
    assert find("instance", instance) is instance
    assert find("link", Logistic(2.0)) == Logistic(2.0)
    assert find("inversion", Jackknife()) == Jackknife()
    method = find("method", "zpg")
    assert find("method", method) is method
    mine = find("instance", bandit([0.2, 0.7]))
    assert mine.policy.dim == 2


def test_a_broken_object_is_refused():
    class Low(Logistic):
        def probability(self, x):
            return 0.6 * super().probability(x)

    with pytest.raises(InputError, match=r"link given as an object of type Low must have sigma\(0\) = 1/2, got 0.3"):
        find("link", Low(1.0))
    with pytest.raises(InputError, match="must be a Method, got int"):
        find("method", 3)
    with pytest.raises(InputError, match=r"sigma\(0\) = 1/2"):
        find("instance", replace(find("instance", "bandit"), link=Low(1.0)))


@pytest.mark.parametrize(
    ("kind", "name", "nearest"),
    [("instance", "circlar", "circular"), ("method", "zbcpg1", "zbcpg-1"), ("link", "logit", "logistic")],
)
def test_an_unknown_name_gets_the_nearest_ones(kind, name, nearest):
    with pytest.raises(InputError, match=rf"{kind} must be one of .*, or module:attribute .*; nearest: {nearest}"):
        find(kind, name)
    with pytest.raises(InputError, match="kind must be one of instance, method, link, inversion, claim"):
        find("kin", name)


def test_a_users_own_is_found_by_module_and_attribute(module):
    module("from theory import *\nMDP = bandit([0.2, 0.7])\nLINK = Logistic(2.0)\nREAD = Jackknife()\n")
    assert isinstance(find("instance", "own:MDP").mdp, TabularMDP)
    assert isinstance(find("link", "own:LINK"), Link)
    assert find("inversion", "own:READ") == Jackknife()
    assert find("instance", "own:MDP") is find("instance", "own:MDP"), "built once"


def test_claims_may_be_one_several_or_a_function(module):
    module(
        "from dataclasses import replace\nfrom experiments import find\n"
        "ONE = find('claim', 'zpg N circular')\nTWO = [ONE, replace(ONE, name='other')]\nNONE = []\n"
        "TWICE = [ONE, ONE]\ndef made():\n    return tuple(TWO)\nNUMBER = 3\n"
    )
    assert [claim.name for claim in claims_in("own:ONE")] == ["zpg N circular"]
    assert [claim.name for claim in claims_in("own:TWO")] == ["zpg N circular", "other"]
    assert claims_in("own:made") == claims_in("own:TWO")
    assert [claim.name for claim in claims_in("zpg N circular")] == ["zpg N circular"]
    for wrong, words in (
        ("NONE", "one or more claims"),
        ("TWICE", "of different names"),
        ("NUMBER", "must be a Claim"),
    ):
        with pytest.raises(InputError, match=words):
            claims_in(f"own:{wrong}")


def test_an_edited_module_is_read_again(module):
    module("from theory import bandit\nMDP = bandit([0.2, 0.7])\n")
    first = find("instance", "own:MDP")
    module("from theory import bandit\nMDP = bandit([0.2, 0.6])\n")
    assert find("instance", "own:MDP").mdp.expected_reward.max() == 0.6
    assert first.mdp.expected_reward.max() == 0.7


def test_records_print_in_a_line():
    """In a notebook or an error: no arrays, no addresses."""
    for kind, name in (("instance", "frozenlake"), ("method", "zpg"), ("claim", "zpg N circular")):
        text = repr(find(kind, name))
        assert name in text
        assert "\n" not in text
        assert len(text) < 200
        assert " at 0x" not in text
