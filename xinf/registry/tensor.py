"""One tensor of a model, or many alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Tensor:
    """`times` matrices of `rows` outputs and `columns` inputs. `is_linear` = a format that packs
    weights packs it; `is_whole` = each device of a replica holds all of it.
    """

    name: str
    rows: int
    columns: int = 1
    times: int = 1
    is_whole: bool = False
    is_linear: bool = True

    @classmethod
    def vector(cls, name: str, numbers: int) -> Tensor:
        """A bias or a norm: small, never packed, and counted as if on each device."""
        return cls(name, numbers, is_whole=True, is_linear=False)

    @property
    def numbers(self) -> int:
        return self.rows * self.columns * self.times

    def repeated(self, times: int) -> Tensor:
        return replace(self, times=self.times * times)


def biased(name: str, rows: int, columns: int, has_bias: bool, times: int = 1) -> Iterator[Tensor]:
    """A matrix, and the bias of its outputs where there is one."""
    yield Tensor(name, rows, columns, times)
    if has_bias:
        yield Tensor.vector(f"{name}.bias", rows).repeated(times)
