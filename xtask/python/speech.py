"""Runs speech detectors and their restored versions in ONNX Runtime on the same audio.

    python speech.py RESTORED ORIGINAL.onnx...

RESTORED has a folder for each number of bits and one called lossless, with models of the originals' names. Prints the
largest and the mean absolute difference of the probability of speech over the frames. Fails if a model that was kept
exactly has other outputs, or if a model does not load.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

RATE = 16000
FRAME, CONTEXT = 512, 64
FRAMES = 50


def audio():
    """Something like speech, the same at each call: syllables of a voice that glides, fricatives and pauses, in noise."""
    random = np.random.default_rng(1)
    length = FRAMES * FRAME
    samples = 0.003 * random.standard_normal(length)
    start = 2000
    while start + 1600 < length:
        count = min(int(random.integers(1600, 4800)), length - start)
        time = np.arange(count) / RATE
        pitch = random.uniform(90, 220) * (1 + 0.15 * np.sin(2 * np.pi * random.uniform(1, 3) * time))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        formants = random.uniform([300, 900, 2200], [800, 1900, 3000])
        voice = np.zeros(count)
        for harmonic in range(1, 25):
            gain = sum(np.exp(-(((harmonic * pitch - formant) / 180) ** 2)) for formant in formants)
            voice += (0.05 + gain) / harmonic**0.5 * np.sin(harmonic * phase)
        if random.random() < 0.3:
            voice += np.diff(random.standard_normal(count + 1))
        samples[start : start + count] += 0.08 * np.hanning(count) * voice
        start += count + int(random.integers(0, 3200))
    return samples.astype(np.float32)


def frames():
    """Frames with the end of the frame before, as the detectors take them: FRAMES x (CONTEXT + FRAME)."""
    samples = np.concatenate([np.zeros(CONTEXT, np.float32), audio()])
    return np.stack([samples[FRAME * i : FRAME * i + CONTEXT + FRAME] for i in range(FRAMES)])


def probabilities(path):
    """The probability of speech in each frame, with the detector's state handed from frame to frame."""
    onnx.checker.check_model(onnx.load(path))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = {one.name for one in session.get_inputs()}
    if "h" in names:
        # Takes all frames at once.
        state = {name: np.zeros((1, 1, 128), np.float32) for name in "hc"}
        return session.run(None, {"input": frames(), **state})[0].ravel()
    inputs = {"state": np.zeros((2, 1, 128), np.float32)}
    if "sr" in names:
        inputs["sr"] = np.array(RATE, np.int64)
    found = []
    for frame in frames():
        probability, inputs["state"] = session.run(None, {"input": frame[None], **inputs})
        found.append(probability.item())
    return np.array(found, np.float32)


def main():
    restored, originals = pathlib.Path(sys.argv[1]), [pathlib.Path(path) for path in sys.argv[2:]]
    columns = sorted((folder for folder in restored.iterdir() if folder.name.isdigit()), key=lambda folder: int(folder.name))
    titles = [f"{folder.name} bits" for folder in columns]
    print(f"{'speech, largest / mean difference':34}" + "".join(f"{title:>18}" for title in titles) + f"{'lossless':>10}")
    wrong = []
    for original in originals:
        expected = probabilities(original)
        cells = []
        for folder in columns:
            difference = np.abs(probabilities(folder / original.name) - expected)
            cells.append(f"{difference.max():.4f} / {difference.mean():.4f}")
        is_equal = np.array_equal(probabilities(restored / "lossless" / original.name), expected)
        if not is_equal:
            wrong.append(original.name)
        print(f"{original.name:34}" + "".join(f"{cell:>18}" for cell in cells) + f"{'equal' if is_equal else 'WRONG':>10}")
    print(f"{FRAMES} frames; the last original's probabilities: {expected.min():.4f} to {expected.max():.4f}\n")
    if wrong:
        sys.exit("kept exactly, and other outputs: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
