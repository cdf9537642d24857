"""Makes k_means.txt: squared errors that scikit-learn's k-means reaches on weights that the test makes again.

Usage: python make.py   (needs numpy and scikit-learn; writes beside this file)
"""

import pathlib

import numpy
import sklearn
from sklearn.cluster import KMeans

COUNT = 40_000


def uniform(count, seed):
    """Numbers in [-0.5, 0.5): the upper bits of Knuth's MMIX generator, exact in single precision."""
    state, numbers = seed, numpy.empty(count, numpy.float32)
    for position in range(count):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        numbers[position] = numpy.float32((state >> 40) / 2**24) - numpy.float32(0.5)
    return numbers


def weights(shape, seed):
    """Flat; bell-shaped (sums of four); or with long tails (cubes of those)."""
    if shape == "flat":
        return uniform(COUNT, seed)
    bell = uniform(4 * COUNT, seed).reshape(COUNT, 4)
    bell = ((bell[:, 0] + bell[:, 1]) + bell[:, 2]) + bell[:, 3]
    return bell if shape == "bell" else bell * bell * bell


def main():
    lines = [f"# Squared errors of scikit-learn {sklearn.__version__}, KMeans with k-means++ and five starts; see make.py."]
    for shape in ("flat", "bell", "tails"):
        values = weights(shape, 1)
        importances = numpy.abs(uniform(COUNT, 2))
        for levels in (16, 256):
            for weighted in (False, True):
                fit = KMeans(levels, n_init=5, max_iter=300, random_state=0, tol=1e-6)
                fit.fit(values.reshape(-1, 1).astype(numpy.float64), sample_weight=importances if weighted else None)
                lines += [f"case {shape}-{levels}-{'weighted' if weighted else 'plain'}", f"error [1] {fit.inertia_!r}"]
                print(*lines[-2:])
        lines += [f"case {shape}", f"weights [3] {' '.join(repr(float(value)) for value in values[:3])}"]
    pathlib.Path(__file__).with_name("k_means.txt").write_text("\n".join(lines) + "\n")


main()
