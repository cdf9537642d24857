"""Makes k_means.txt: squared errors that scikit-learn's k-means reaches on weights that the test makes again.

Usage: python make.py   (needs numpy and scikit-learn; writes beside this file)

The weights come from Knuth's MMIX generator by additions, products, quotients and square roots in double precision, so
that every language makes the same ones. Only the errors are stored, and three weights of each shape to tell mistakes by.
"""

import math
import pathlib

import numpy
import sklearn
from sklearn.cluster import KMeans


def uniform(seed):
    """Numbers in [-0.5, 0.5): the upper 24 bits of the generator's state."""
    state = seed
    while True:
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        yield (state >> 40) / 2**24 - 0.5


def bell(draws, terms):
    """A sum of uniform numbers."""
    total = 0.0
    for _ in range(terms):
        total += next(draws)
    return total


def exponential(draws):
    """Von Neumann 1951: a run of falling numbers of odd length gives its first one, an even one adds 1 and tries again."""
    whole = 0.0
    while True:
        first = last = next(draws) + 0.5
        length = 1
        while (number := next(draws) + 0.5) < last:
            last, length = number, length + 1
        if length % 2 == 1:
            return whole + first
        whole += 1.0


def student(draws):
    """Student's t with two degrees of freedom: its quantile function at a number inside (0, 1)."""
    p = next(draws) + 0.5 + 2.0**-25
    return (2.0 * p - 1.0) / math.sqrt(2.0 * p * (1.0 - p))


def cube(number):
    return number * number * number


def laplacian(draws):
    return math.copysign(exponential(draws), next(draws))


def zeros(draws):
    """Nine of ten are zero."""
    return bell(draws, 12) if next(draws) >= 0.4 else 0.0


def bimodal(draws):
    return math.copysign(1.0, next(draws)) + 0.1 * bell(draws, 12)


SHAPES = {
    "flat": (40_000, next),
    "bell": (40_000, lambda draws: bell(draws, 4)),
    "tails": (40_000, lambda draws: cube(bell(draws, 4))),
    "gaussian": (200_000, lambda draws: bell(draws, 12)),
    "laplacian": (60_000, laplacian),
    "student": (40_000, student),
    "zeros": (100_000, zeros),
    "bimodal": (5_000, bimodal),
}


def main():
    lines = [
        f"# Squared errors of scikit-learn {sklearn.__version__}, KMeans with k-means++, three starts, until nothing moves; see make.py."
    ]
    for shape, (count, draw) in SHAPES.items():
        draws = uniform(1)
        values = numpy.array([draw(draws) for _ in range(count)]).astype(numpy.float32)
        draws = uniform(2)
        importances = numpy.array([abs(next(draws)) for _ in range(count)])
        lines += [f"case {shape}", f"weights [3] {' '.join(repr(float(value)) for value in values[:3])}"]
        for levels in (16, 256):
            for weighted in (False, True):
                fit = KMeans(levels, n_init=3, max_iter=1000, random_state=0, tol=0.0)
                fit.fit(values.reshape(-1, 1).astype(numpy.float64), sample_weight=importances if weighted else None)
                lines += [f"case {shape}-{levels}-{'weighted' if weighted else 'plain'}", f"error [1] {fit.inertia_!r}"]
                print(*lines[-2:], fit.n_iter_, flush=True)
    pathlib.Path(__file__).with_name("k_means.txt").write_text("\n".join(lines) + "\n")


main()
