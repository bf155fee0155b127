"""Conditions of compatibility rules: what a rule asks of one fact, and whether that holds.

    compute_capability = ">=12.0,<13"         a range: versions compare part by part, 9.0 < 12.0
    arch = ["gfx942", "gfx120*"]              any of these; * and ? match as in file names
    feature = "!avx2"                         told, and none of it is that
    compute_capability = ["==8.0", ">=12"]    any of these, ranges too

A fact that nobody has told is no reason to say yes or no. So there are three answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import TypeAlias

# A fact is a text, or several at once (a model's traits); missing = unknown.
Facts: TypeAlias = Mapping[str, str | Sequence[str]]

_BOUND = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)\s*")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Bound:
    """One side of a range: `>=` and the numbers of the version."""

    sign: str
    version: tuple[int, ...]

    def holds(self, version: tuple[int, ...]) -> bool:
        pairs = zip_longest(version, self.version, fillvalue=0)
        order = next((left - right for left, right in pairs if left != right), 0)
        return {
            ">=": order >= 0,
            "<=": order <= 0,
            ">": order > 0,
            "<": order < 0,
            "==": order == 0,
            "!=": order != 0,
        }[self.sign]


@dataclass(frozen=True, slots=True)
class Term:
    """A range if it has bounds, else a pattern. `text` is how it was written."""

    text: str
    bounds: tuple[Bound, ...] = ()

    def holds(self, values: Sequence[str]) -> bool | None:
        """Whether any of `values` is as wanted; None where that cannot be known."""
        if self.bounds:
            known = [each for value in values if (each := numbers(value)) is not None]
            return any(self._includes(version) for version in known) if known else None
        if self.text.startswith("!"):
            return not any(fnmatchcase(value, self.text[1:]) for value in values)
        return any(fnmatchcase(value, self.text) for value in values)

    def _includes(self, version: tuple[int, ...]) -> bool:
        return all(bound.holds(version) for bound in self.bounds)


# What one fact must be (any of the terms), by the fact's name.
Condition: TypeAlias = Mapping[str, tuple[Term, ...]]


def read_term(text: str) -> Term:
    """`text` as a term. Raises ValueError where it begins as a range and is none."""
    if not text.lstrip().startswith((">", "<", "=", "!=")):
        return Term(text)
    bounds = [_BOUND.fullmatch(part) for part in text.split(",")]
    if not all(bounds):
        raise ValueError(text)
    return Term(text, tuple(Bound(each[1], _parts(each[2])) for each in bounds if each))


def numbers(version: str) -> tuple[int, ...] | None:
    """The numbers that `version` begins with: 2, 13, 0 of "2.13.0+cu130". None without any."""
    found = _VERSION.match(version)
    return _parts(found[1]) if found else None


def holds(condition: Condition, facts: Facts) -> bool | None:
    """Whether all of `condition` holds; None where what is known of `facts` leaves it open."""
    is_open = False
    for name, terms in condition.items():
        answer = _one(terms, facts.get(name))
        if answer is False:
            return False
        is_open = is_open or answer is None
    return None if is_open else True


def _one(terms: Sequence[Term], fact: str | Sequence[str] | None) -> bool | None:
    if fact is None:
        return None
    values = (fact,) if isinstance(fact, str) else tuple(fact)
    answers = [term.holds(values) for term in terms]
    if True in answers:
        return True
    return None if None in answers else False


def _parts(version: str) -> tuple[int, ...]:
    # More digits than any version has are no number that anybody meant.
    return tuple(int(part[:18]) for part in version.split("."))
