"""Speed beside other programs, as ratios: `make bench`.

    python tests/benchmarks [--only abcde] [--whole] [--growth] [--out results/bench.json]

Peers are in the optional dependencies `bench`; one that is missing is a line that says so. A peer and this package take
turns on one core and one thread, each turn gives a ratio of times, and the median of the ratios is shown with its 95%
interval. More than 1 means that this package is faster. `--whole` adds part f, whole commands on one and two workers;
`--growth` adds time and memory against the sizes, and large examples. The exit status is 1 if a ratio is worse than the
kept one by 1.3 or more.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ONE_CORE = "abcde"


def main() -> None:
    """Measure, print and write."""
    asked = _arguments()
    if hasattr(os, "sched_setaffinity"):
        all_cores = os.sched_getaffinity(0)
        # Before numpy and JAX count the cores.
        os.sched_setaffinity(0, {max(all_cores)})
    import report
    from threadpoolctl import threadpool_limits

    earlier = report.kept(asked.out)
    start, measured, flagged = time.monotonic(), [], 0
    with threadpool_limits(limits=1):
        for line in _lines(asked.only):
            fell = report.worse(line, earlier)
            flagged += not math.isnan(fell)
            measured.append(line)
            print(report.text_of(line, fell), flush=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, all_cores)
    if asked.whole:
        import whole_commands

        for line in whole_commands.lines():
            fell = report.worse(line, earlier)
            flagged += not math.isnan(fell)
            measured.append(line)
            print(report.text_of(line, fell), flush=True)
    grown = []
    if asked.growth:
        import growth
        import large_examples

        for row in (*growth.rows(), *large_examples.rows()):
            grown.append(row)
            print(row["text"], flush=True)
    report.write(asked.out, measured, grown, earlier)
    below = sum(line.verdict == "below" for line in measured)
    print(
        f"{len(measured)} lines in {time.monotonic() - start:.0f} s, {below} below what is wanted, "
        f"{flagged} worse than kept by {report.WORSE}; written to {asked.out}"
    )
    sys.exit(1 if flagged else 0)


def _lines(only: str) -> Iterator[object]:
    """Lines of the parts that are asked for, as they are measured."""
    import gymnasium_rollouts
    import jax_gradient
    import literal_ascent
    import machine_floors
    import optimum_peers

    # JAX starts threads, so environments that are processes come before it.
    for part in (literal_ascent, optimum_peers, gymnasium_rollouts, machine_floors, jax_gradient):
        if part.PART in only:
            yield from part.lines()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=ONE_CORE, help="letters of the parts, for example bc")
    parser.add_argument("--whole", action="store_true", help="also whole commands on one and two workers; minutes")
    parser.add_argument("--growth", action="store_true", help="also growth and large examples; minutes")
    parser.add_argument("--out", type=Path, default=Path("results/bench.json"))
    asked = parser.parse_args()
    if strange := set(asked.only) - set(ONE_CORE):
        parser.error(f"--only takes letters of {ONE_CORE}, got {''.join(sorted(strange))}")
    return asked


if __name__ == "__main__":
    main()
