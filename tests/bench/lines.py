"""A line of the table: what was measured, how much it was, and what it should be."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure, with what else is worth knowing. `met` is None for a figure that has no aim."""

    name: str
    value: str
    note: str = ""
    aim: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return f"{self.name:<64}{self.value:>10}  {self.aim:<12}{verdict:<8}{self.note}".rstrip()


Part = Callable[[], Awaitable[Sequence[Line]]]
"""Measures, and says what came out."""
