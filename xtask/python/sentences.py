"""Embeds sentences with MiniLM and with its restored versions, and compares the embeddings.

    python sentences.py RESTORED MODEL.safetensors

RESTORED has a folder for each number of bits and one called lossless, with models of the original's name; the tokenizer
lies beside the original. Prints the mean and the least cosine similarity over the sentences of sentences.txt. Fails if
the weights that were kept exactly give other embeddings.
"""

import math
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

LAYERS, HEADS = 6, 12
EPSILON = 1e-12
erf = np.vectorize(math.erf, otypes=[np.float32])
# The error function at steps of 1/256: of an activation, interpolated.
GRID = np.linspace(-6, 6, 3073, dtype=np.float32)
ERF = erf(GRID)


def gelu(x):
    return 0.5 * x * (1 + np.interp(x / math.sqrt(2), GRID, ERF).astype(np.float32))


def norm(weights, name, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    return scaled * weights[name + ".weight"] + weights[name + ".bias"]


def linear(weights, name, x):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def embed(weights, ids):
    """The embeddings of sentences of the same length, given their tokens: BERT, the mean over tokens, length 1."""
    count = ids.shape[1]
    table = "embeddings.{}_embeddings.weight".format
    x = weights[table("word")][ids] + weights[table("position")][:count] + weights[table("token_type")][0]
    x = norm(weights, "embeddings.LayerNorm", x)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."

        def heads(what):
            projected = linear(weights, at + "attention.self." + what, x)
            return projected.reshape(len(ids), count, HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        share = softmax(query @ key.transpose(0, 1, 3, 2) / math.sqrt(query.shape[-1]))
        context = (share @ value).transpose(0, 2, 1, 3).reshape(len(ids), count, -1)
        context = linear(weights, at + "attention.output.dense", context)
        x = norm(weights, at + "attention.output.LayerNorm", x + context)
        inner = gelu(linear(weights, at + "intermediate.dense", x))
        x = norm(weights, at + "output.LayerNorm", x + linear(weights, at + "output.dense", inner))
    mean = x.mean(1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def main():
    restored, original = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tokenizer = Tokenizer.from_file(str(original.parent / "tokenizer.json"))
    tokenizer.no_padding()
    sentences = pathlib.Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()
    lengths = {}
    for sentence in sentences:
        ids = tokenizer.encode(sentence).ids
        lengths.setdefault(len(ids), []).append(ids)
    batches = [np.array(batch) for batch in lengths.values()]

    def embeddings(path):
        weights = load_file(path)
        return np.concatenate([embed(weights, ids) for ids in batches])

    expected = embeddings(original)
    among = expected @ expected.T
    among = among[np.triu_indices(len(among), 1)]
    print(f"{len(sentences)} sentences; cosine similarity of two of them: {among.mean():.3f} (mean)")
    print(f"{'MiniLM, cosine to the original':34}{'mean':>10}{'least':>10}")
    columns = sorted((folder for folder in restored.iterdir() if folder.name.isdigit()), key=lambda folder: int(folder.name))
    for folder in columns:
        cosines = (embeddings(folder / original.name) * expected).sum(1)
        print(f"{folder.name + ' bits a weight':34}{cosines.mean():10.5f}{cosines.min():10.5f}")
    is_equal = np.array_equal(embeddings(restored / "lossless" / original.name), expected)
    print(f"{'lossless':34}{'equal' if is_equal else 'WRONG':>10}\n")
    if not is_equal:
        sys.exit("kept exactly, and other embeddings")


if __name__ == "__main__":
    main()
