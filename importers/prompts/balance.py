"""Which technique's turn it is, and which values go together: balanced, and the same at every run.

Owns two designs. `turns` mixes techniques by their shares. `BalancedRows` combines the values of
factors: each value as often as any other, and no pair of values again before all had their turn,
as far as that can be. Both only ever add to what they gave before.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Iterator, Mapping, Sequence


def turns(shares: Sequence[float]) -> Iterator[int]:
    """Whose turn it is, without end: after n turns each has had its share of n, less than one off.

    Source: R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980).

    Args:
        shares: Positive weights.
    """
    parts = [share / math.fsum(shares) for share in shares]
    slack = 0.5 / (len(parts) - 1) if len(parts) > 1 else 0.0
    given = [0] * len(parts)
    for turn in itertools.count(1):
        due = [i for i, part in enumerate(parts) if part * turn - given[i] >= slack - 1e-9]
        chosen = min(due, key=lambda i: (given[i] + 1 - slack) / parts[i])
        given[chosen] += 1
        yield chosen


class BalancedRows:
    """Rows of factor values; each row may use some of the factors only.

    After any number of rows the values of a factor differ by one at most in how often they came.
    Of two factors every pair comes once before any comes twice. Of more, pairs that came least
    often are taken: a greedy search as in covering arrays (Cohen et al., "The AETG system", 1997),
    started from a cyclic design that is perfect for two.

    Args:
        values: The values of each factor, one or more, distinct.
        stream: Names the order: the same name gives the same rows.
    """

    def __init__(self, values: Mapping[str, Sequence[str]], stream: str) -> None:
        self._values = {name: list(dict.fromkeys(given)) for name, given in values.items()}
        self._stream = stream
        self._order = {name: self._shuffled(name, 0) for name in values}
        self._came = {name: [0] * len(given) for name, given in self._values.items()}
        self._rows = dict.fromkeys(values, 0)
        pairs = list(itertools.combinations(values, 2))
        self._together = {(a, b): _table(self._values[a], self._values[b]) for a, b in pairs}
        self._pair_rows = dict.fromkeys(pairs, 0)

    def next(self, names: Collection[str]) -> dict[str, str]:
        """The next row for these factors."""
        used = [name for name in self._values if name in names]
        row = self._balanced_row(used)
        self._count(row)
        return {name: self._values[name][index] for name, index in row.items()}

    def _balanced_row(self, names: Sequence[str]) -> dict[str, int]:
        due = {name: self._due(name, rank) for rank, name in enumerate(names)}
        row = {name: indices[0] for name, indices in due.items()}
        best, least = self._repeats(row), self._least_repeats(names)
        choices = [(name, index) for name in names for index in due[name]]
        improving = best > least
        while improving:
            improving = False
            for name, index in choices:
                tried = {**row, name: index}
                repeats = self._repeats(tried)
                if repeats < best:
                    row, best, improving = tried, repeats, best > least
        return row

    def _due(self, name: str, rank: int) -> list[int]:
        """The values that came least often, the one first that the cyclic design wants."""
        size, rows = len(self._values[name]), self._rows[name]
        order, start = self._order[name], rows
        if len(self._values) == 1:
            order = self._shuffled(name, rows // size)
        elif rank:
            first = len(next(iter(self._values.values())))
            start += rank * (rows // math.lcm(first, size))
        fewest = rows // size
        wanted = (order[(start + step) % size] for step in range(size))
        return [index for index in wanted if self._came[name][index] == fewest]

    def _shuffled(self, name: str, round_: int) -> list[int]:
        order = list(range(len(self._values[name])))
        random.Random(f"{self._stream}|{name}|{round_}").shuffle(order)
        return order

    def _repeats(self, row: Mapping[str, int]) -> int:
        pairs = itertools.combinations(row.items(), 2)
        return sum(self._together[a, b][i][j] for (a, i), (b, j) in pairs)

    def _least_repeats(self, names: Sequence[str]) -> int:
        """What a row costs in which no pair comes again before its time."""
        return sum(
            self._pair_rows[a, b] // (len(self._values[a]) * len(self._values[b]))
            for a, b in itertools.combinations(names, 2)
        )

    def _count(self, row: Mapping[str, int]) -> None:
        for name, index in row.items():
            self._came[name][index] += 1
            self._rows[name] += 1
        for (a, i), (b, j) in itertools.combinations(row.items(), 2):
            self._together[a, b][i][j] += 1
            self._pair_rows[a, b] += 1


def _table(rows: Sequence[str], columns: Sequence[str]) -> list[list[int]]:
    return [[0] * len(columns) for _ in rows]
