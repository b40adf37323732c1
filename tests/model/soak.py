"""The hostile stick by the hour: `python -m tests.model.soak SECONDS [SEED]`.

Runs of moves, each drawn by a seed of its own, by as many workers as there are processors. A failure names its seed and
its moves; `python -m tests.model.soak --seed N` does that run again, with fewer and fewer of them.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from typing import Any

from tests.model.crossing import Crossing
from tests.model.history import Tally
from tests.model.moves import draw
from tests.model.sites import Sites, two_sites

MOVES = 150
_PATIENCE_SECONDS = 1800

Drawn = tuple[str, dict[str, Any]]


class BrokenRunError(AssertionError):
    """A run that broke a promise (or the model itself), with its seed and its moves."""


def plan(seed: int, moves: int) -> tuple[bool, list[Drawn]]:
    """Whether the sites have met before the run begins, and its moves."""
    chance = random.Random(seed)
    return chance.random() < 0.7, [draw(chance) for _ in range(moves)]


def play(sites: Sites, tally: Tally, *, met: bool, moves: Iterable[Drawn]) -> None:
    """One run to its end. Raises AssertionError where a promise is broken."""
    crossing = Crossing(sites, tally, met=met)
    for move in moves:
        crossing.step(*move)
    crossing.finish()


def work(first: int, stride: int, until: float | None, runs: int | None, moves: int) -> Tally:
    """Runs of the seeds ``first``, ``first + stride``, .. until the time is up or so many were made.

    Raises BrokenRunError.
    """
    tally = Tally()
    with two_sites() as sites:
        began = time.monotonic()
        for seed in islice(count(first, stride), runs):
            if until is not None and time.monotonic() - began >= until:
                break
            met, drawn = plan(seed, moves)
            try:
                play(sites, tally, met=met, moves=drawn)
            except Exception as broken:
                done = "\n".join(f"  {move}" for move in drawn)
                less = f"with fewer and fewer moves: python -m tests.model.soak --seed {seed}"
                raise BrokenRunError(
                    f"{type(broken).__name__}: {broken}\nseed {seed}, met={met}, {tally.line()}\n{less}\n{done}"
                ) from broken
    return tally


def soak(*, seed: int, until: float | None = None, runs: int | None = None, moves: int = MOVES) -> Tally:
    """All workers, each with two sites of its own: what they did together. Raises BrokenRunError."""
    workers = os.cpu_count() or 1
    total = Tally()
    with ProcessPoolExecutor(workers) as pool:
        shares = [None if runs is None else len(range(number, runs, workers)) for number in range(workers)]
        futures = [pool.submit(work, seed + number, workers, until, shares[number], moves) for number in range(workers)]
        for future in futures:
            total.add(future.result(_PATIENCE_SECONDS if until is None else None))
    return total


def shrink(moves: Sequence[Drawn], fails: Callable[[Sequence[Drawn]], bool]) -> list[Drawn]:
    """As few of the moves as still fail."""
    left, size = list(moves), max(1, len(moves) // 2)
    while True:
        start = 0
        while start < len(left):
            without = left[:start] + left[start + size :]
            if fails(without):
                left = without
            else:
                start += size
        if size == 1:
            return left
        size = max(1, size // 2)


def again(seed: int, moves: int = MOVES) -> int:
    """The run of a seed once more; of one that fails, the fewest moves."""
    met, drawn = plan(seed, moves)
    said = ""

    def fails(some: Sequence[Drawn]) -> bool:
        nonlocal said
        try:
            play(sites, Tally(), met=met, moves=some)
        except AssertionError as broken:
            # Fewer moves may break another promise: that is another story.
            if said and _promise_of(str(broken)) != _promise_of(said):
                return False
            said = str(broken)
            print(f"{len(some)} moves: {said.splitlines()[-1]}", flush=True)
            return True
        return False

    with two_sites() as sites:
        if not fails(drawn):
            print(f"seed {seed}: every promise was kept")
            return 0
        fewest = shrink(drawn, fails)
    print(f"seed {seed}, met={met}: {said}")
    for move in fewest:
        print(f"  {move}")
    return 1


def _promise_of(said: str) -> str:
    """What is broken, without the ids."""
    return said.split(":")[0]


def main(arguments: list[str]) -> int:
    """Exit code 0 where every promise was kept."""
    if arguments[0] == "--seed":
        return again(int(arguments[1]))
    seconds = float(arguments[0])
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(2**32)
    print(f"two sites and a hostile stick for {seconds:.0f} s, from seed {seed}", flush=True)
    began = time.monotonic()
    try:
        tally = soak(seed=seed, until=seconds)
    except BrokenRunError as broken:
        print(f"BROKEN: {broken}")
        return 1
    print(f"{tally.line()} in {time.monotonic() - began:.0f} s")
    print(", ".join(f"{kind} {times}" for kind, times in tally.faults.most_common()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
