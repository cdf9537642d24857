#!/usr/bin/env python3
"""Reads .mxp files, written from docs/format.md alone. Needs Python 3.9 or newer; for Zstandard (10.2, 11.1) Python 3.14 or
the package zstandard; and nothing else.

    decode.py FILE             lists what the file holds
    decode.py FILE --values    the same, with the first values of each tensor
    decode.py --restore FILE OUT   writes the model that another program made (11) to OUT, its other files beside it
    decode.py --check FOLDER   compares every FILE.mxp of a folder with its FILE.txt; exit status 1 on a difference

As a module: `decode(bytes)` gives a dictionary; the values of each tensor are little-endian bytes under "data".
Section numbers in the comments are those of docs/format.md.
"""

import pathlib
import struct
import sys
import zlib


class FormatError(Exception):
    """What is wrong with a file."""


# ---------------------------------------------------------------- 3. Binary decisions

ONE = 1 << 16


class RangeDecoder:
    """3.1"""

    def __init__(self, data):
        self.data, self.position, self.range, self.code = data, 0, 0xFFFFFFFF, 0
        for _ in range(4):
            self._shift()

    def _shift(self):
        byte = self.data[self.position] if self.position < len(self.data) else 0
        self.code = (self.code << 8 | byte) & 0xFFFFFFFF
        self.position += 1

    def bit(self, p):
        bound = self.range * p >> 16
        if self.code < bound:
            self.range, bit = bound, 1
        else:
            self.code -= bound
            self.range -= bound
            bit = 0
        while self.range < 1 << 24:
            self.range = self.range << 8 & 0xFFFFFFFF
            self._shift()
        return bit

    def bits(self, count):
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit(ONE // 2)
        return value


# 3.2 The logistic function
LOGIT_MAX = 2880


def _tables():
    unit, decay = 1 << 62, 4593706758521714574
    power, upper = unit, []
    for _ in range(LOGIT_MAX + 1):
        upper.append(max(32768, min(65535, (unit << 16) // (unit + power))))
        power = power * decay >> 62
    squash = [65536 - p for p in reversed(upper[1:])] + upper
    stretch, logit = [0] * 65536, 0
    for p in range(32768, 65536):
        while logit < LOGIT_MAX and upper[logit] < p:
            logit += 1
        stretch[p], stretch[65536 - p] = logit, -logit
    stretch[0] = -LOGIT_MAX
    return squash, stretch


SQUASH, STRETCH = _tables()


def squash(logit):
    return SQUASH[max(-LOGIT_MAX, min(LOGIT_MAX, logit)) + LOGIT_MAX]


class Counter:
    """3.3"""

    def __init__(self, start=1 << 15, seen=0):
        self.value, self.seen = start << 6, seen

    @property
    def p(self):
        return max(1, min(65535, self.value >> 6))

    def update(self, bit):
        difference = ((1 << 22) if bit else 0) - self.value
        step = abs(difference) * 2 // (2 * self.seen + 3)
        self.value += step if difference > 0 else -step
        self.seen = min(255, self.seen + 1)

    def code(self, coder):
        bit = coder.bit(self.p)
        self.update(bit)
        return bit


class Mixer:
    """3.4"""

    def __init__(self, hundredths, rate):
        self.weights, self.rate = [w * ((1 << 20) // 100) for w in hundredths], rate

    def p(self, inputs):
        return squash(sum(w * x for w, x in zip(self.weights, inputs)) >> 20)

    def update(self, inputs, p, bit):
        error = (ONE if bit else 0) - p
        for i, x in enumerate(inputs):
            weight = self.weights[i] + ((error * x * self.rate + (1 << 19)) >> 20)
            self.weights[i] = max(-(16 << 20), min(16 << 20, weight))


class Numbers:
    """3.5"""

    def __init__(self):
        self.longer = [Counter() for _ in range(64)]

    def code(self, coder):
        length = 0
        while length < 63 and self.longer[length].code(coder):
            length += 1
        return (1 << length | coder.bits(length)) - 1


def code_run(coder, length, p):
    """3.6: number of zeros before the ones begin."""
    if length == 1:
        return 1 - coder.bit(p)
    ratio = [ONE]
    for k in range(1, length + 1):
        below = ratio[k - 1] * k * (ONE - p) // ((length - k + 1) * p)
        ratio.append(ONE + min(below, 1 << 40))
    for seen in range(length):
        if coder.bit(max(1, min(65535, (1 << 32) // ratio[length - seen]))):
            return seen
    return length


def estimate(ones, seen, prior, strength):
    """3.7"""
    return max(8, min(ONE - 8, ((ones << 20) + strength * prior) // ((seen << 4) + strength)))


# ---------------------------------------------------------------- 4. Text


# The kinds of text
STRUCTURE, DEFINITION, RECIPE, KEY, VALUE, PLAIN = range(1, 7)

PRIMER = [
    # primer-begin
    (1, "layer1.0.conv1.weight layer1.0.bn1.weight layer1.0.bn1.bias layer1.0.bn1.running_mean "),
    (1, "layer2.0.shortcut.0.weight layer1.0.bn1.running_var blocks.0.features.0.weight "),
    (1, "encoder.layer.0.attention.self.query.weight encoder.layer.0.attention.output.dense.bias "),
    (1, "model.layers.0.mlp.down_proj.weight embeddings.word_embeddings.weight LayerNorm.weight "),
    (2, "[[layer]]\nkind = \"conv\"\n\n[[layer]]\nkind = \"dense\"\nunits = 10\n\n[[layer]]\nkind = \"relu\"\n"),
    (2, "\u0001@\u0001"),
    (2, "\u0003\u0003  \u0005"),
    (2, "\u0003\u0003  \u0004"),
    (2, "\u0003\u0001\u0008\u0008\u0001"),
    (2, "\u0003\u0001\u001c\u001c\u0003"),
    (2, "\u0003\u0001\u001c\u001c\u0002"),
    (3, "\u0001augment = true\nbatch = 128\nvalidation = 12\n\n[hard]\nfloor = 0.05\nlearning_rate = 0.001\nlevel_floor = 0.75\nrefresh = 100\nrounds = 10\nstd_dev = [0.3, 0.15]\nstrength = 1.0\n\n[joint]\nbias_strength = 1.0\nfloor = 0.1\nlearning_rate = 0.0015\nprune_from = 0.4\nramp = 0.5\nrefresh = 100\nrounds = 24\nshrink_from = 0.3\nstrength = 0.3\nthreshold = 0.2\n\n[plain]\nfinal_learning_rate = 0.00001\nlearning_rate = 0.0015\nrounds = 10\n\n[prior]\ncomponents = 9\nkind = \"heavy-tailed\"\nrange = [-16.0, 16.0]\nshared = false\nstd_dev = 0.5\n\n[prior.proportions.stick-breaking]\nalpha = 1.0\n\n[prior.threshold]\nabsolute = 30\nfraction = 0.0003\n\n[tied]\nbias_bits = 4\nlearning_rate = 0.001\nrounds = 6\n"),
    (3, "\u0001[prior]\ncomponents = 17\nkind = \"classic\"\nshared = true\n"),
    (3, "\u0001[hard]\nrounds = 16\nstrength = 0.25\n\n[joint]\nrounds = 30\nstrength = 0.45\n"),
    (3, "\u0001[joint]\nstrength = 0.12\n\n[prior.threshold]\nabsolute = 4\n"),
    (3, "\u0001augment = false\n"),
    (3, "\u0001augment = false\n\n[joint]\nstrength = 0.7\n"),
    (3, "\u0001[hard]\nstrength = 0.3\n\n[joint]\nstrength = 0.2\n"),
    # primer-end
]


class Given:
    """A coder that is told what it decodes."""

    def __init__(self, data):
        self.bits_left = iter([byte >> n & 1 for byte in data for n in range(7, -1, -1)])

    def bit(self, p):
        return next(self.bits_left)


class Text:
    def __init__(self):
        self.lengths, self.counters = Numbers(), None

    def code(self, coder, kind):
        return self.content(coder, kind, self.lengths.code(coder))

    def content(self, coder, kind, length):
        if self.counters is None and length:
            self.counters = [[None] * (1 << 14) for _ in range(4)]
            self.mixers = [Mixer([30, 60, 70, 70], 400) for _ in range(8)]
            for primer_kind, text in PRIMER:
                self.content(Given(text.encode()), primer_kind, len(text.encode()))
        self.history = kind
        return bytes(self._byte(coder) for _ in range(length))

    def _byte(self, coder):
        partial = 1
        for number in range(8):
            counters = []
            for order in range(4):
                context = self.history & ((1 << 8 * order) - 1)
                h = context * 0x9E3779B1 & 0xFFFFFFFF ^ partial * 0x85EBCA6B & 0xFFFFFFFF
                slot = (h * 0xC2B2AE35 & 0xFFFFFFFF) >> 18
                if self.counters[order][slot] is None:
                    self.counters[order][slot] = Counter()
                counters.append(self.counters[order][slot])
            inputs = [STRETCH[c.p] for c in counters]
            p = self.mixers[number].p(inputs)
            bit = coder.bit(p)
            self.mixers[number].update(inputs, p, bit)
            for counter in counters:
                counter.update(bit)
            partial = partial << 1 | bit
        self.history = (self.history << 8 | partial & 0xFF) & 0xFFFFFFFF
        return partial & 0xFF


# ---------------------------------------------------------------- 2. Records


class Record:
    """Reads the fields of a record."""

    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, count):
        if self.position + count > len(self.data):
            raise FormatError("a record is truncated")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self):
        return self.take(1)[0]

    def number(self):
        first = self.byte()
        if first < 251:
            return first
        if first > 253:
            raise FormatError(f"a number starts with {first}")
        return int.from_bytes(self.take({251: 2, 252: 4, 253: 8}[first]), "little")

    def option(self, read):
        present = self.byte()
        if present > 1:
            raise FormatError(f"an option starts with {present}")
        return read() if present else None

    def list(self, read):
        return [read() for _ in range(self.number())]

    def pair(self):
        return (self.number(), self.number())

    def text(self):
        return self.take(self.number()).decode("utf-8")


# 5.1
NAMES = (
    "fc1.weight fc1.bias fc2.weight fc2.bias fc3.weight fc3.bias fc4.weight fc4.bias fc5.weight fc5.bias fc.weight "
    "fc.bias conv1.weight conv1.bias conv2.weight conv2.bias conv3.weight conv3.bias conv4.weight conv4.bias "
    "conv5.weight conv5.bias conv6.weight conv6.bias bn1.weight bn1.bias bn1.running_mean bn1.running_var bn2.weight "
    "bn2.bias bn2.running_mean bn2.running_var bn3.weight bn3.bias bn3.running_mean bn3.running_var bn4.weight bn4.bias "
    "bn4.running_mean bn4.running_var bn5.weight bn5.bias bn5.running_mean bn5.running_var bn6.weight bn6.bias "
    "bn6.running_mean bn6.running_var linear.weight linear.bias linear1.weight linear1.bias linear2.weight linear2.bias "
    "classifier.weight classifier.bias head.weight head.bias norm.weight norm.bias embedding.weight lm_head.weight "
    "weight bias"
).split()

# 5.2: groups as (size, grid); tensors as (name, shape, axes), an axis being (group, repeat) or None.
_DIGITS = [
    ("fc1.weight", [128, 64], [(1, 1), (0, 1)]),
    ("fc1.bias", [128], [(1, 1)]),
    ("fc2.weight", [64, 128], [(2, 1), (1, 1)]),
    ("fc2.bias", [64], [(2, 1)]),
    ("fc3.weight", [10, 64], [(3, 1), (2, 1)]),
    ("fc3.bias", [10], [(3, 1)]),
]
STRUCTURES = {
    1: (
        [(784, (28, 28)), (300, None), (100, None), (10, None)],
        [
            ("fc1.weight", [300, 784], [(1, 1), (0, 1)]),
            ("fc1.bias", [300], [(1, 1)]),
            ("fc2.weight", [100, 300], [(2, 1), (1, 1)]),
            ("fc2.bias", [100], [(2, 1)]),
            ("fc3.weight", [10, 100], [(3, 1), (2, 1)]),
            ("fc3.bias", [10], [(3, 1)]),
        ],
    ),
    2: (
        [(1, None), (20, None), (50, None), (500, None), (10, None)],
        [
            ("conv1.weight", [20, 1, 5, 5], [(1, 1), (0, 1), None, None]),
            ("conv1.bias", [20], [(1, 1)]),
            ("conv2.weight", [50, 20, 5, 5], [(2, 1), (1, 1), None, None]),
            ("conv2.bias", [50], [(2, 1)]),
            ("fc1.weight", [500, 800], [(3, 1), (2, 16)]),
            ("fc1.bias", [500], [(3, 1)]),
            ("fc2.weight", [10, 500], [(4, 1), (3, 1)]),
            ("fc2.bias", [10], [(4, 1)]),
        ],
    ),
    3: ([(64, (8, 8)), (128, None), (64, None), (10, None)], _DIGITS),
    4: ([(64, None), (128, None), (64, None), (10, None)], _DIGITS),
}


def read_structure(data):
    record = Record(data)
    groups = record.list(lambda: (record.number(), record.option(record.pair)))
    tensors = []
    for _ in range(record.number()):
        variant = record.number()
        if variant > 1:
            raise FormatError(f"a name of kind {variant}")
        name = record.text() if variant else NAMES[record.byte()]
        shape = record.list(record.number)
        kind = record.byte()
        axes = record.list(lambda: record.option(record.pair))
        tensors.append((name, shape, kind, axes or [None] * len(shape)))
    if record.position < len(data):
        raise FormatError("bytes follow the structure")
    return groups, tensors


# ---------------------------------------------------------------- 6. Flags and live parts


def code_flags(coder, models, size, grid):
    """6.1"""
    if models.flags_all.code(coder):
        return [True] * size
    if models.flags_prefix.code(coder):
        count = coder.bits(size.bit_length())
        return [i < count for i in range(size)]
    height, width = grid or (1, max(size, 1))
    mixer = Mixer([40, 40, 30, 30], 400)
    nearest, around = [Counter() for _ in range(16)], [Counter() for _ in range(13)]
    rows, columns = [Counter() for _ in range(height)], [Counter() for _ in range(width)]
    flags = []
    far = [(0, -2), (0, -3), (1, -2), (1, 2), (2, -2), (2, -1), (2, 0), (2, 1), (2, 2), (3, -1), (3, 0), (3, 1)]
    for i in range(size):
        y, x = i // width % height, i % width

        def at(dy, dx):
            return y >= dy and 0 <= x + dx < width and flags[i + dx - dy * width]

        near = sum(bool(at(*place)) << n for n, place in enumerate([(0, -1), (1, 0), (1, -1), (1, 1)]))
        counters = [nearest[near], around[sum(bool(at(*place)) for place in far)], rows[y], columns[x]]
        inputs = [STRETCH[c.p] for c in counters]
        p = mixer.p(inputs)
        flag = coder.bit(p)
        mixer.update(inputs, p, flag)
        for counter in counters:
            counter.update(flag)
        flags.append(bool(flag))
    return flags


def product(numbers):
    result = 1
    for n in numbers:
        result *= n
    return result


def live_offsets(shape, live):
    """6.2"""
    offsets = [0]
    for length, positions in zip(shape, live):
        offsets = [offset * length + position for offset in offsets for position in positions]
    return offsets


# ---------------------------------------------------------------- 7. Codebooks


def tree(coder, counters, bits):
    node = 1
    for _ in range(bits):
        node = node << 1 | counters[node].code(coder)
    return node - (1 << bits)


def from_half(pattern):
    return struct.unpack("<e", struct.pack("<H", pattern))[0]


def from_single(pattern):
    return struct.unpack("<f", struct.pack("<I", pattern))[0]


class Levels:
    def __init__(self):
        self.is_grid, self.is_short, self.is_half, self.has_zero = Counter(), Counter(), Counter(), Counter()
        self.grid_bits, self.counts, self.spare = Numbers(), Numbers(), Numbers()
        self.half = [Counter() for _ in range(32)]
        self.single = [Counter() for _ in range(256)]

    def code(self, coder):
        """The values, the index of zero or None."""
        if self.is_grid.code(coder):
            bits = self.grid_bits.code(coder) + 2
            step = from_half(self._half(coder, 6 if self.is_short.code(coder) else 0))
            largest = (1 << (bits - 1)) - 1
            return [q * step for q in range(-largest, largest + 1)], largest
        negative = self.counts.code(coder)
        has_zero = self.has_zero.code(coder)
        positive = self.counts.code(coder)
        is_half = self.is_half.code(coder)
        spare = self.spare.code(coder)
        read = (lambda: from_half(self._half(coder, spare))) if is_half else lambda: from_single(self._single(coder, spare))
        below = [-read() for _ in range(negative)][::-1]
        above = [read() for _ in range(positive)]
        return below + [0.0] * has_zero + above, (negative if has_zero else None)

    def _half(self, coder, spare):
        exponent = tree(coder, self.half, 5)
        return exponent << 10 | coder.bits(10 - spare) << spare

    def _single(self, coder, spare):
        exponent = tree(coder, self.single, 8)
        return exponent << 23 | coder.bits(23 - spare) << spare


# ---------------------------------------------------------------- 8. The adaptive model

LOOSE, IMAGE, KERNEL, BLOCK = range(4)

# 8.6
TUNING = {
    # tuning-begin
    LOOSE: {
        "position": [82, 36, 44, 10, 5, 125, 15, -41, 13, 4, -6, 53],
        "position_rate": 35,
        "strength": [263, 249, 400, 110, 376, 722, 197],
        "trust": 9,
        "sign": [10, -39, -27, -7, 130, 190, 0, 113],
        "sign_rate": 290,
        "vote": [227, 9],
        "magnitude": [90, 1, 15, -3],
        "magnitude_rate": 31,
        "magnitude_strength": 88,
    },
    IMAGE: {
        "position": [87, -54, 24, 10, 40, 45, 5, -46, 33, 24, -1, 43],
        "position_rate": 29,
        "strength": [4027, 359, 601, 110, 176, 722, 322],
        "trust": 8,
        "sign": [-15, -39, -2, -27, 110, 220, 0, 108],
        "sign_rate": 16,
        "vote": [158, 7],
        "magnitude": [75, 16, 20, 27],
        "magnitude_rate": 236,
        "magnitude_strength": 19,
    },
    KERNEL: {
        "position": [92, 71, -21, 35, 15, 65, -100, 54, 3, 14, -11, 48],
        "position_rate": 100,
        "strength": [203, 175, 236, 523, 679, 1367, 964],
        "trust": 9,
        "sign": [20, -89, 3, -17, 15, 210, 15, 73],
        "sign_rate": 1177,
        "vote": [114, 3],
        "magnitude": [80, 6, -15, 12],
        "magnitude_rate": 31,
        "magnitude_strength": 38,
    },
    BLOCK: {
        "position": [87, 66, 24, 20, 20, 40, -60, 14, -2, 9, -6, 58],
        "position_rate": 7,
        "strength": [2145, 1215, 867, 48, 565, 722, 356],
        "trust": 6,
        "sign": [-15, -39, 18, 18, 65, 215, 15, 58],
        "sign_rate": 366,
        "vote": [134, 0],
        "magnitude": [95, 16, 15, 12],
        "magnitude_rate": 31,
        "magnitude_strength": 38,
    },
    # tuning-end
}


class Geometry:
    """8.1"""

    def __init__(self, shape, axes, groups, live):
        self.columns = product(len(positions) for positions in live[1:])
        self.arrangement, self.height, self.width = LOOSE, 1, 1
        if len(shape) == 2 and axes[1]:
            group, repeat = axes[1]
            if repeat > 1:
                side = int(repeat**0.5)
                side += (side + 1) ** 2 <= repeat
                self.arrangement = BLOCK
                self.height, self.width = (side, side) if side * side == repeat else (1, repeat)
            elif groups[group][1]:
                self.arrangement = IMAGE
                self.height, self.width = groups[group][1]
        elif len(shape) in (3, 4):
            self.arrangement = KERNEL
            self.height, self.width = ([1] + shape[2:])[-2:]
        if max(self.height, self.width) > 65535:
            self.arrangement, self.height, self.width = LOOSE, 1, 1
        self.cells = [(0, 0, 0)] * self.columns
        self.blocks, self.at = 1, {}
        if self.arrangement == LOOSE:
            return
        area = self.height * self.width
        places = live_offsets(shape[1:], live[1:])
        numbers = {}
        for column, place in enumerate(places):
            block = numbers.setdefault(place // area, len(numbers))
            cell = (block, place % area // self.width, place % self.width)
            self.cells[column] = cell
            self.at[cell] = column
        self.blocks = len(numbers)

    def neighbour(self, column, dy, dx):
        if self.arrangement == LOOSE:
            return None
        block, y, x = self.cells[column]
        return self.at.get((block, y + dy, x + dx))


CROSS = [(0, -1), (-1, 0), (0, 1), (1, 0)]


class Window:
    """8.2"""

    def __init__(self, geometry, column, row):
        self.all = self.nonzero = self.sign = 0
        self.nearest = [0, 0, 0, 0]
        if geometry.arrangement == LOOSE:
            return
        for dy in range(-3, 1):
            for dx in range(-3, 4 if dy < 0 else 0):
                neighbour = geometry.neighbour(column, dy, dx)
                if neighbour is None:
                    continue
                symbol, weight = row[neighbour], 64 // (dy * dy + dx * dx + 1)
                self.all += weight
                if symbol:
                    self.nonzero += weight
                    self.sign += weight if symbol < 0 else -weight
                if (dy, dx) in ((0, -1), (-1, 0), (-1, -1), (-1, 1)):
                    self.nearest[((0, -1), (-1, 0), (-1, -1), (-1, 1)).index((dy, dx))] = symbol


class Positions:
    """8.3"""

    PRIOR, PRIOR_STRENGTH = ONE // 20, 16 * 20

    def __init__(self, geometry, rows, tuning):
        self.strength, self.rows = tuning["strength"], rows
        self.mixers = [Mixer(tuning["position"], tuning["position_rate"]) for _ in range(2)]
        fresh = lambda count: [Counter(self.PRIOR, tuning["trust"]) for _ in range(count)]
        self.pattern, self.counts, self.share = fresh(48), fresh(112), fresh(64)
        self.total = [0, 0]
        self.columns = [0] * geometry.columns
        self.blocks = [[0, 0] for _ in range(geometry.blocks)]
        self.places = [[0, 0] for _ in range(geometry.height * geometry.width)]
        self.next_row(0, geometry)

    def next_row(self, row, geometry):
        self.row, self.in_row, self.last = row, 0, -1
        self.row_blocks = [[0, 0] for _ in range(geometry.blocks)]

    def opinion(self, geometry, column, window):
        density = estimate(*self.total, self.PRIOR, self.PRIOR_STRENGTH)
        level = STRETCH[density]
        over = lambda ones, seen, strength: STRETCH[estimate(ones, seen, density, strength)] - level
        block, y, x = geometry.cells[column]
        place = y * geometry.width + x
        here = self.columns[column]
        around = [2 * here, 2 * self.row]
        for dy, dx in CROSS:
            neighbour = geometry.neighbour(column, dy, dx)
            if neighbour is not None:
                around[0] += self.columns[neighbour]
                around[1] += self.row
        bits = sum((s != 0) << n for n, s in enumerate(window.nearest))
        gap = min(6, (column - self.last).bit_length())
        contexts = [
            self.pattern[bits * 3 + min(here, 2)],
            self.counts[min(self.in_row, 3) * 4 + min(here, 3) + 16 * gap],
            self.share[min(15, window.nonzero * 32 // max(1, window.all)) * 4 + min(here, 3)],
        ]
        row_s, col_s, blk_s, row_blk_s, near_s, place_s, win_s = self.strength
        inputs = [
            level,
            over(self.in_row, column, row_s),
            over(here, self.row, col_s),
            over(*around, near_s),
            STRETCH[contexts[0].p] - level,
            over(*self.blocks[block], blk_s),
            over(*self.row_blocks[block], row_blk_s),
            over(*self.places[place], place_s),
            STRETCH[ONE // (self.rows - self.row + 1)] - level if here == 0 else 0,
            STRETCH[contexts[1].p] - level,
            STRETCH[contexts[2].p] - level,
            over(window.nonzero, window.all, win_s),
        ]
        mixer = self.mixers[here == 0]
        return inputs, mixer.p(inputs), mixer, contexts

    def update(self, geometry, column, opinion, nonzero):
        inputs, p, mixer, contexts = opinion
        mixer.update(inputs, p, nonzero)
        for counter in contexts:
            counter.update(nonzero)
        block, y, x = geometry.cells[column]
        for count in (self.total, self.blocks[block], self.places[y * geometry.width + x], self.row_blocks[block]):
            count[0] += nonzero
            count[1] += 1
        self.in_row += nonzero
        self.columns[column] += nonzero
        if nonzero:
            self.last = column


class Signs:
    """8.4"""

    def __init__(self, geometry, tuning):
        self.vote, self.mixer = tuning["vote"], Mixer(tuning["sign"], tuning["sign_rate"])
        self.share, self.nearest = Counter(), [Counter() for _ in range(81)]
        self.row, self.columns = 0, [0] * geometry.columns

    def opinion(self, geometry, column, window):
        votes = lambda s: max(-6, min(6, s)) * self.vote[0]
        sign = lambda s: (s > 0) - (s < 0)
        context = self.nearest[sum((sign(s) + 1) * 3**n for n, s in enumerate(window.nearest))]
        around = sum(
            self.columns[n] for n in (geometry.neighbour(column, dy, dx) for dy, dx in CROSS) if n is not None
        )
        inputs = [
            256,
            STRETCH[self.share.p],
            votes(self.columns[column]),
            votes(self.row),
            STRETCH[context.p],
            votes(-(sign(window.nearest[0]) + sign(window.nearest[1]))),
            votes(around),
            max(-1500, min(1500, window.sign * self.vote[1])),
        ]
        return inputs, self.mixer.p(inputs), context

    def update(self, column, opinion, negative):
        inputs, p, context = opinion
        self.mixer.update(inputs, p, negative)
        context.update(negative)
        self.share.update(negative)
        self.note(column, negative)

    def note(self, column, negative):
        vote = 1 if negative else -1
        self.columns[column] += vote
        self.row += vote


class Magnitudes:
    """8.5"""

    def __init__(self, columns, tuning):
        self.strength = tuning["magnitude_strength"]
        self.mixer = Mixer(tuning["magnitude"], tuning["magnitude_rate"])
        self.by_sign = [Counter() for _ in range(32)]
        self.by_context = [Counter() for _ in range(256)]
        self.row, self.columns = [0, 0], [[0, 0] for _ in range(columns)]

    def opinion(self, column, negative, step):
        slot = min(step - 1, 15)
        third = lambda count: count[0] * 3 // count[1] if count[1] else 3
        by_sign = self.by_sign[negative * 16 + slot]
        by_context = self.by_context[(third(self.row) * 4 + third(self.columns[column])) * 16 + slot]
        prior = by_sign.p
        over = lambda count: STRETCH[estimate(*count, prior, self.strength)] - STRETCH[prior]
        inputs = [STRETCH[prior], STRETCH[by_context.p], over(self.columns[column]), over(self.row)]
        return inputs, self.mixer.p(inputs), by_sign, by_context

    def update(self, column, step, opinion, larger):
        inputs, p, by_sign, by_context = opinion
        self.mixer.update(inputs, p, larger)
        by_sign.update(larger)
        by_context.update(larger)
        if step == 1:
            for count in (self.row, self.columns[column]):
                count[0] += larger
                count[1] += 1


def code_matrix(coder, geometry, rows, negative_side, positive_side, is_sorted):
    tuning = TUNING[geometry.arrangement]
    columns = geometry.columns
    positions, signs = Positions(geometry, rows, tuning), Signs(geometry, tuning)
    magnitudes = Magnitudes(columns, tuning)
    begins = [not is_sorted or c == 0 for c in range(columns)]
    symbols = []
    for number in range(rows if columns else 0):
        positions.next_row(number, geometry)
        signs.row, magnitudes.row = 0, [0, 0]
        row, start = [0] * columns, 0
        while start < columns:
            end = start + 1
            while end < columns and not begins[end]:
                end += 1
            window = Window(geometry, start, row)
            opinion = positions.opinion(geometry, start, window)
            first = start + code_run(coder, end - start, opinion[1])
            for c in range(start, end):
                positions.update(geometry, c, opinion, int(c >= first))
            if first < end:
                begins[first] = True
                if negative_side and positive_side:
                    opinion = signs.opinion(geometry, first, window)
                    negative_from = first + code_run(coder, end - first, opinion[1])
                    for c in range(first, end):
                        signs.update(c, opinion, int(c >= negative_from))
                else:
                    negative_from = first if negative_side else end
                    for c in range(first, end):
                        signs.note(c, negative_side > 0)
                if negative_from < end:
                    begins[negative_from] = True
                for low, high, most, negative in (
                    (first, negative_from, positive_side, 0),
                    (negative_from, end, negative_side, 1),
                ):
                    step = 1
                    while low < high and step < most:
                        opinion = magnitudes.opinion(low, negative, step)
                        larger_from = low + code_run(coder, high - low, opinion[1])
                        for c in range(low, high):
                            magnitudes.update(c, step, opinion, int(c >= larger_from))
                        for c in range(low, larger_from):
                            row[c] = -step if negative else step
                        if larger_from < high:
                            begins[larger_from] = True
                        low = larger_from
                        step += 1
                    for c in range(low, high):
                        row[c] = -step if negative else step
            start = end
        symbols += row
    return symbols


class Vectors:
    """8.7"""

    def __init__(self):
        self.nonzero, self.negative = Counter(0xE000, 2), Counter(0x8000, 2)
        self.larger = [Counter(0xA000, 1) for _ in range(16)]

    def code(self, coder, count, negative_side, positive_side, is_sorted):
        symbols = []
        length = count if is_sorted else 1
        for _ in range(0, count, max(length, 1)):
            symbols += self._run(coder, length, negative_side, positive_side)
        return symbols

    def _run(self, coder, length, negative_side, positive_side):
        zeros = self._learned(coder, self.nonzero, length)
        rest = length - zeros
        if not negative_side:
            positives = rest
        elif not positive_side:
            positives = 0
        else:
            positives = self._learned(coder, self.negative, rest)
        symbols = [0] * zeros
        for left, most, sign in ((positives, positive_side, 1), (rest - positives, negative_side, -1)):
            step = 1
            while left and step < most:
                small = self._learned(coder, self.larger[min(step - 1, 15)], left)
                symbols += [sign * step] * small
                left -= small
                step += 1
            symbols += [sign * step] * left
        return symbols

    @staticmethod
    def _learned(coder, counter, length):
        if length == 0:
            return 0
        zeros = code_run(coder, length, counter.p)
        for i in range(length):
            counter.update(i >= zeros)
        return zeros


# ---------------------------------------------------------------- 9. Sections of indices

BLOCK_LENGTH = 1 << 20


def unpack(data, count, width):
    """9.1"""
    if len(data) != (count * width + 7) // 8:
        raise FormatError("packed indices of the wrong length")
    whole = int.from_bytes(data, "little")
    mask = (1 << width) - 1
    out = []
    # In pieces, as a shift of a long number costs its length.
    for start in range(0, count, 1024):
        piece = whole & ((1 << 1024 * width) - 1)
        whole >>= 1024 * width
        for _ in range(min(1024, count - start)):
            out.append(piece & mask)
            piece >>= width
    return out


def decode_static(data, count, frequencies, is_paired):
    """9.2"""
    if sum(frequencies) != 4096:
        raise FormatError("frequencies do not sum to 4096")
    symbols = [((i,), f) for i, f in enumerate(frequencies)]
    if is_paired:
        symbols = pairs(frequencies)
    table = [(indices, f, offset) for indices, f in symbols for offset in range(f)]
    before = max(1, (count + BLOCK_LENGTH - 1) // BLOCK_LENGTH) - 1
    if len(data) < 4 * before:
        raise FormatError("the lengths of blocks are truncated")
    lengths = struct.unpack_from(f"<{before}I", data)
    start, out = 4 * before, []
    for number in range(before + 1):
        end = start + lengths[number] if number < before else len(data)
        if end > len(data):
            raise FormatError("a block is truncated")
        out += decode_block(data[start:end], min(BLOCK_LENGTH, count - number * BLOCK_LENGTH), table, 1 + is_paired)
        start = end
    return out


def pairs(frequencies):
    """The symbols of two indices each, and their frequencies."""
    padded = frequencies + [0] * (16 - len(frequencies))
    products = [((a, b), padded[a] * padded[b]) for b in range(16) for a in range(16)]
    free = 4096 - sum(product > 0 for _, product in products)
    above = [max(0, product - 4096) for _, product in products]
    out, total = [], 0
    for (indices, product), part in zip(products, above):
        share = (total + part) * free // sum(above) - total * free // sum(above)
        out.append((indices, (product > 0) + share))
        total += part
    return out


def lane_count(symbols):
    return 1 if symbols < 1 << 14 else 8 if symbols < 1 << 17 else 64


class Lanes:
    """The states and words of a block."""

    def __init__(self, data, lanes):
        if len(data) < 4 * lanes:
            raise FormatError("the states of a block are truncated")
        self.data, self.read = data, 0
        self.states = list(struct.unpack_from(f"<{lanes}I", data))
        if min(self.states) < 1 << 16:
            raise FormatError("a lane starts below 2^16")
        self.words = struct.unpack_from(f"<{(len(data) - 4 * lanes) // 2}H", data, 4 * lanes)

    def symbol(self, lane, table):
        """The next symbol of a lane, by the table's symbols, frequencies and offsets."""
        x = self.states[lane]
        symbol, frequency, offset = table[x & 4095]
        x = frequency * (x >> 12) + offset
        if x < 1 << 16:
            if self.read == len(self.words):
                raise FormatError("a block is truncated")
            x = x << 16 | self.words[self.read]
            self.read += 1
        self.states[lane] = x
        return symbol

    def finish(self):
        if any(x != 1 << 16 for x in self.states) or self.read < len(self.words) or len(self.data) % 2:
            raise FormatError("a block does not end where it should")


def decode_block(data, count, table, width):
    lanes, out = lane_count(count), [0] * count
    coder = Lanes(data, lanes)
    for group in range(0, count, width * lanes):
        for lane in range(min(lanes, count - group)):
            indices = coder.symbol(lane, table)
            for place, index in zip(range(group + lane, count, lanes), indices):
                out[place] = index
    coder.finish()
    return out


# ---------------------------------------------------------------- 10. Sections of planes

WHOLE, SPLIT, SPLIT_SIGN_LAST = range(3)
RAW_BLOCK, RUN_BLOCK, STATIC_BLOCK, ZSTD_BLOCK = range(4)


def decode_planes(data, length, size):
    """10, for `length` bytes of numbers of `size` bytes."""
    record = Record(data)
    layout, chunk = record.number(), record.byte()
    kinds = record.list(lambda: block_kind(record))
    if layout > SPLIT_SIGN_LAST or not 12 <= chunk <= 40 or layout != WHOLE and size == 1:
        raise FormatError(f"planes of layout {layout} in chunks of 2^{chunk}")
    if layout == WHOLE:
        size = 1
    count, start, out = length // size, record.position, bytearray(length)
    chunks = (count + (1 << chunk) - 1) >> chunk
    if len(kinds) != chunks * size:
        raise FormatError(f"{len(kinds)} blocks for {chunks} chunks of {size} planes")
    for number, (kind, taken) in enumerate(kinds):
        first, plane = number // size << chunk, number % size
        room = min(1 << chunk, count - first)
        end = start + (room if kind == RAW_BLOCK else taken)
        if end > len(data):
            raise FormatError("a block is truncated")
        block = decode_plane(kind, data[start:end], room)
        out[first * size + plane : (first + room) * size : size] = block
        start = end
    if start < len(data):
        raise FormatError("bytes follow the last block")
    if layout == SPLIT_SIGN_LAST:
        mask = (1 << 8 * size) - 1
        for place in range(0, length, size):
            number = int.from_bytes(out[place : place + size], "little")
            out[place : place + size] = (number >> 1 | number << (8 * size - 1) & mask).to_bytes(size, "little")
    return bytes(out)


def block_kind(record):
    kind = record.number()
    if kind > ZSTD_BLOCK:
        raise FormatError(f"a block of kind {kind}")
    return kind, record.number() if kind >= STATIC_BLOCK else kind


def decode_plane(kind, data, count):
    """10.2"""
    if kind == RAW_BLOCK:
        return data
    if kind == RUN_BLOCK:
        return data * count
    if kind == ZSTD_BLOCK:
        out = unzstd(data, count)
        if len(out) != count:
            raise FormatError("a frame of Zstandard of the wrong length")
        return out
    frequencies, place = [], 0
    while sum(frequencies) < 4096:
        if len(data) < place + 2:
            raise FormatError("the frequencies of a block are truncated")
        byte, after = data[place], data[place + 1]
        place += 1 if 0 < byte < 128 else 2
        if byte == 0:
            frequencies += [0] * (after + 1)
        else:
            frequencies.append(byte if byte < 128 else (byte - 128) << 8 | after)
        if len(frequencies) > 256:
            raise FormatError("more than 256 frequencies")
    return bytes(decode_static(data[place:], count, frequencies, False))


def unzstd(data, count):
    try:
        from compression import zstd
    except ImportError:
        zstd = None
    try:
        if zstd is not None:
            decompressor = zstd.ZstdDecompressor()
            out = decompressor.decompress(data, max_length=count + 1)
            if not decompressor.eof or decompressor.unused_data:
                raise FormatError("a block is not one frame of Zstandard")
            return out
        import zstandard
    except ImportError:
        raise FormatError("a block of Zstandard needs Python 3.14, or: pip install zstandard") from None
    except Exception as error:
        raise FormatError(f"a block of Zstandard: {error}") from error
    try:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        out = decompressor.decompress(data)
        if not decompressor.eof or decompressor.unused_data:
            raise FormatError("a block is not one frame of Zstandard")
        return out
    except zstandard.ZstdError as error:
        raise FormatError(f"a block of Zstandard: {error}") from error


# ---------------------------------------------------------------- 12. Sections of trellis-coded tensors

# 12.2, by number of states: high, odd
TRELLISES = {
    # trellis-begin
    4: (2, 1),
    8: (5, 2),
    16: (9, 2),
    32: (18, 4),
    64: (33, 10),
    128: (78, 43),
    256: (166, 121),
    # trellis-end
}
SECTION_ENTRIES = 1 << 26


def f32(value):
    """Rounds what has been computed exactly, or so nearly that it makes no difference, in f64."""
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def all_f32(values):
    try:
        return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))
    except OverflowError:
        return [f32(value) for value in values]


def signed(number):
    return -(number + 1) // 2 if number & 1 else number // 2


class Deviations:
    """12.1"""

    def __init__(self):
        self.nonzero, self.negative = [Counter() for _ in range(3)], [Counter() for _ in range(3)]
        self.larger, self.far = [[Counter() for _ in range(14)] for _ in range(2)], Numbers()

    def code(self, coder, before):
        context = (before > 0) - (before < 0) + 1
        if not self.nonzero[context].code(coder):
            return 0
        negative, size = self.negative[context].code(coder), 0
        while size < 14 and self.larger[negative][size].code(coder):
            size += 1
        if size == 14:
            size += self.far.code(coder)
        size = min(size, 1 << 40) + 1
        return -size if negative else size


class Matrix:
    """A matrix as the head tells it (12.1), with `numbers` and `values` to come."""

    def __init__(self, coder, models, shape, before):
        self.shape = shape
        self.is_transposed = models.transposed.code(coder)
        self.rows, self.columns = reversed(shape) if self.is_transposed else shape
        if models.new_step.code(coder):
            models.step = from_single(coder.bits(32))
        self.step = models.step
        if not 0 < self.step < float("inf"):
            raise FormatError(f"a step of {self.step}")
        self.partner, self.references, self.gains = None, None, []
        if models.predicted.code(coder):
            back = models.others.code(coder)
            if back > len(before):
                raise FormatError("the partner of a matrix is none of those before")
            if back > 0:
                self.partner = before[-back]
                self.check_partner(before)
                self.gains = self.run(coder, models.gains, self.rows, 0, -128, 127)
            else:
                self.own_rows(coder, models.gains)
        self.row_scales = self.scales(coder, models, models.rows, self.rows)
        self.column_scales = self.scales(coder, models, models.columns, self.columns)
        self.bases, first = [], 0
        while models.based.code(coder):
            first, before = first + 64 * models.starts.code(coder), first
            if not max(1, 2 * before, self.columns // 4) <= first < self.rows or not 1 <= self.columns <= 1024:
                raise FormatError("a basis that begins too early, or after the last row")
            is_turned = models.turned.code(coder)
            self.bases.append((first, is_turned, self.scales(coder, models, models.columns, self.columns)))
        count, position, self.patches = models.sizes.code(coder), 0, []
        if count > self.rows * self.columns // 8 + 64:
            raise FormatError("too many patches")
        for _ in range(count):
            position += models.gaps.code(coder)
            number = signed(models.others.code(coder))
            if position >= self.rows * self.columns or not -(1 << 31) <= number < 1 << 31:
                raise FormatError("a patch that has no place")
            self.patches.append((position, number))
            position += 1

    def check_partner(self, before):
        other = self.partner
        if other.partner or other.references is not None or (other.rows, other.columns) != (self.rows, self.columns):
            raise FormatError("the partner of a matrix is not as large, or is predicted itself")
        if sum(matrix.partner is other for matrix in before) >= 4:
            raise FormatError("a matrix that predicts more than four others")

    def own_rows(self, coder, model):
        self.gains, self.references, gain = [], [], 0
        for row in range(self.rows):
            gain = model.code(coder, gain)
            reference = coder.bits(max(row - 1, 0).bit_length()) if gain else 0
            if not -128 <= gain <= 127 or gain and reference >= row:
                raise FormatError("a gain is out of bounds, or of a row that no earlier one predicts")
            self.gains.append(gain)
            self.references.append(reference)

    @staticmethod
    def run(coder, model, count, centre, low, high):
        out, deviation = [], 0
        for _ in range(count):
            deviation = model.code(coder, deviation)
            out.append(centre + deviation)
        if out and not low <= min(out) <= max(out) <= high:
            raise FormatError("a scale or a gain is out of bounds")
        return out

    def scales(self, coder, models, model, count):
        return self.run(coder, model, count, signed(models.centres.code(coder)), -200, 200)

    def turn_back(self, values):
        """12.6; from the bases of rows to that of the columns"""
        if not self.bases:
            return
        d, before, sums = self.columns, 0, [[0.0] * self.columns for _ in range(self.columns)]
        ends = [first for first, _, _ in self.bases[1:]] + [self.rows]
        for (first, is_turned, _), end in zip(self.bases, ends):
            for row in range(before, first):
                factor = power(-self.row_scales[row] - max(self.column_scales))
                relative = all_f32([value * factor for value in values[row * d : (row + 1) * d]])
                relative = [max(-8.0, min(8.0, value)) for value in relative]
                for own, of_column in zip(relative, sums):
                    of_column[:] = plus_times(of_column, own, relative)
            before = first
            if is_turned:
                directions = principal_directions(sums, first)
                for row in range(first, end):
                    turned = [0.0] * d
                    for k, value in enumerate(values[row * d : (row + 1) * d]):
                        turned = plus_times(turned, value, [of_column[k] for of_column in directions])
                    values[row * d : (row + 1) * d] = turned

    def finish(self):
        """12.5; the values as the tensor has them."""
        values = all_f32(self.numbers)
        for position, number in self.patches:
            values[position] = f32(number)
        self.turn_back(values)
        values = all_f32([value * self.step for value in values])
        if self.partner:
            other, steps = self.partner, f32(self.step / self.partner.step)
            factors = zip(self.gains, self.row_scales, other.row_scales)
            rows = [f32(f32(gain / 8 * steps) * power(a - b)) for gain, a, b in factors]
            columns = [power(a - b) for a, b in zip(self.column_scales, other.column_scales)]
            by_row = all_f32([v * rows[at // self.columns] for at, v in enumerate(other.values)])
            predicted = all_f32([v * columns[at % self.columns] for at, v in enumerate(by_row)])
            values = all_f32([v + p for v, p in zip(values, predicted)])
        for row, (gain, reference) in enumerate(zip(self.gains, self.references or [])):
            if gain:
                factor = f32(gain / 8 * power(self.row_scales[row] - self.row_scales[reference]))
                at, other = row * self.columns, reference * self.columns
                predicted = all_f32([v * factor for v in values[other : other + self.columns]])
                values[at : at + self.columns] = all_f32(
                    [v + p for v, p in zip(values[at : at + self.columns], predicted)]
                )
        self.values = values
        if not self.is_transposed:
            return values
        return [values[row * self.columns + column] for column in range(self.columns) for row in range(self.rows)]


ROOTS = [from_single(pattern) for pattern in (0x3F800000, 0x3F9837F0, 0x3FB504F3, 0x3FD744FD)]


def power(quarters):
    return ROOTS[quarters % 4] * 2.0 ** (quarters // 4)


def plus_times(to, factor, values):
    """to + factor * values"""
    return all_f32([a + b for a, b in zip(to, all_f32([factor * value for value in values]))])


def principal_directions(sums, rows):
    """12.6; a direction each column"""
    d = len(sums)
    trust = f32(f32(rows) / f32(rows + d))
    matrix = [[s if j == k else f32(s * trust) for k, s in enumerate(line)] for j, line in enumerate(sums)]
    order = sorted(range(d), key=lambda column: -matrix[column][column])

    def to_one(matrix):
        largest = max(matrix[j][j] for j in range(d))
        if not largest >= 2.0**-80:
            return matrix
        inverse = f32(1 / largest)
        return [all_f32([entry * inverse for entry in line]) for line in matrix]

    matrix = to_one(matrix)
    for _ in range(2):
        square = [[0.0] * d for _ in range(d)]
        for own, line in zip(square, matrix):
            for factor, other in zip(line, matrix):
                own[:] = plus_times(own, factor, other)
        matrix = to_one(square)

    def reflect(lines, first, along, half):
        sums = [0.0] * d
        for factor, line in zip(along, lines[first:]):
            sums = plus_times(sums, factor, line)
        sums = all_f32([s / half for s in sums])
        for factor, line in zip(along, lines[first:]):
            line[:] = plus_times(line, -factor, sums)

    matrix, reflections = [[line[column] for column in order] for line in matrix], []
    for first in range(d - 1):
        along, square = [line[first] for line in matrix[first:]], 0.0
        for entry in along:
            square = f32(square + f32(entry * entry))
        if not square >= 2.0**-80:
            continue
        own, length = along[0], f32(square**0.5)
        along[0] = f32(own + length if own > 0 else own - length)
        reflections.append((first, along, f32(length * f32(length + abs(own)))))
        reflect(matrix, *reflections[-1])
    directions = [[float(j == k) for k in range(d)] for j in range(d)]
    for reflection in reversed(reflections):
        reflect(directions, *reflection)
    return directions


class HeadModels:
    def __init__(self):
        self.transposed, self.new_step, self.predicted = Counter(), Counter(), Counter()
        self.based, self.turned, self.starts = Counter(), Counter(), Numbers()
        self.centres, self.gaps, self.sizes, self.others = Numbers(), Numbers(), Numbers(), Numbers()
        self.rows, self.columns, self.gains = Deviations(), Deviations(), Deviations()
        self.step = 0.0


# 12.3
DOWN = [1 << 62]
for _ in range(256):
    DOWN.append(DOWN[-1] * 4599216278082138665 >> 62)


def logarithm(n):
    log = n.bit_length() - 1
    rest = n << (62 - log)
    for _ in range(8):
        rest = rest * rest >> 62
        bit = rest >> 63
        rest >>= bit
        log = 2 * log + bit
    return log


LOGARITHMS = [None] + [logarithm(n) for n in range(1, 253)]


def weight(n, shape, width):
    if n == 0:
        return 1 << 30
    e = shape * (LOGARITHMS[abs(n)] - width) // 32
    if e // 256 >= 6:
        return 0
    x = (25380159564675 * (DOWN[256 - e % 256] >> 26) >> 36) >> (35 - e // 256)
    return 0 if x >= 31 * 256 else DOWN[x % 256] >> (32 + x // 256)


def class_tables(shape, width):
    """For even and for odd numbers a slot's number, its frequency, and its place in the number's interval."""
    weights = [weight(n, shape, width) for n in range(253)]
    even = weights[0] + 2 * sum(weights[2::2])
    last = max(n for n in range(253) if weights[n] << 15 >= even)
    end = 4 * ((max(last, 4) + 3) // 4)
    tables = []
    for numbers in (range(-end, end + 1, 2), range(1 - end, end, 2)):
        table = []
        for number, frequency in zip(numbers, shares([weights[abs(n)] for n in numbers])):
            table += [(number, frequency, place) for place in range(frequency)]
        tables.append(table)
    return tables


def shares(weights):
    total = sum(weights)
    above = [max(0, 4096 * w - total) for w in weights]
    free, everything = 4096 - len(weights), sum(above)
    if everything == 0:
        return [1 + free * (place == len(weights) // 2) for place in range(len(weights))]
    out, before = [], 0
    for a in above:
        out.append(1 + (before + a) * free // everything - before * free // everything)
        before += a
    return out


def decode_trellis(data, shapes):
    """12; the values of tensors that have these shapes as matrices, and what all sections of a file share."""
    if len(data) < 4 or int.from_bytes(data[:4], "little") > len(data) - 4:
        raise FormatError("the head of trellis-coded tensors is truncated")
    start = 4 + int.from_bytes(data[:4], "little")
    coder, models, matrices = RangeDecoder(data[4:start]), HeadModels(), []
    twos = lambda bits: (lambda value: value - (value >> bits - 1 << bits))(coder.bits(bits))
    states, lowest, classes, shape = 1 << coder.bits(4), twos(9), coder.bits(7), coder.bits(9)
    scale, slope = twos(14), coder.bits(9)
    bounds = [(lowest, -200, 200), (classes, 1, 40), (shape, 8, 128), (scale, -4096, 4096), (slope, 0, 255)]
    if states not in TRELLISES or any(not low <= value <= high for value, low, high in bounds):
        raise FormatError("a trellis or a table that is none")
    for of_matrix in shapes:
        matrices.append(Matrix(coder, models, of_matrix, matrices))
    if coder.position < start - 4:
        raise FormatError("the head of trellis-coded tensors goes on after its contents")
    lanes = lane_count(sum(product(of_matrix) for of_matrix in shapes))
    blocks, room = [[]], BLOCK_LENGTH
    for matrix in matrices:
        matrix.numbers = [0] * (matrix.rows * matrix.columns)
        together = [] if matrix.partner else [matrix] + [other for other in matrices if other.partner is matrix]
        for first in range(0, matrix.columns, lanes):
            if room <= 0:
                blocks.append([])
                room = BLOCK_LENGTH
            for part in together:
                blocks[-1].append((part, first, min(lanes, part.columns - first)))
                room -= part.rows * blocks[-1][-1][2]
    before = len(blocks) - 1
    if len(data) < start + 4 * before:
        raise FormatError("the lengths of blocks are truncated")
    lengths = struct.unpack_from(f"<{before}I", data, start)
    start += 4 * before
    tables = [class_tables(shape, scale + slope * number) for number in range(classes)]
    for strips, length in zip(blocks, list(lengths) + [len(data) - start - sum(lengths)]):
        if not 0 <= length <= len(data) - start:
            raise FormatError("a block is truncated")
        decode_strips(data[start : start + length], strips, lanes, TRELLISES[states], tables, lowest)
        start += length
    return [matrix.finish() for matrix in matrices], (states, lowest, classes)


def decode_strips(data, strips, lanes, trellis, tables, lowest):
    """12.4"""
    coder, (high, odd), classes = Lanes(data, lanes), trellis, len(tables)
    for matrix, first, width in strips:
        states = [0] * width
        of_columns, bases = matrix.column_scales, {start: scales for start, _, scales in matrix.bases}
        for row, row_scale in enumerate(matrix.row_scales):
            of_columns = bases.get(row, of_columns)
            scales = [scale - lowest for scale in of_columns[first : first + width]]
            at = row * matrix.columns + first
            for lane in range(width):
                table = tables[max(0, min(classes - 1, row_scale + scales[lane]))][states[lane] & 1]
                number = coder.symbol(lane, table)
                matrix.numbers[at + lane] = number
                states[lane] = states[lane] >> 1 ^ odd * (number >> 1 & 1) ^ high * (number & 1)
    coder.finish()


# ---------------------------------------------------------------- 1. The file

STREAM, PACKED, STATIC, RAW, PLANES, TRELLIS = range(6)
# The kind of a trellis-coded tensor (5.1)
TRELLIS_CODED = 128
# By type: bytes of a value, and of the numbers that it is made of.
DTYPE_SIZES = [4, 2, 2, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 8, 16, 1, 1, 1, 1, 1, 1]
NUMBER_SIZES = DTYPE_SIZES[:13] + [4, 8] + DTYPE_SIZES[15:]


def open_sections(data):
    if data[:3] != b"MXP":
        raise FormatError("not an .mxp file")
    if len(data) < 5:
        raise FormatError("truncated")
    if data[3] > 0:
        raise FormatError(f"version {data[3]} is newer than this reader")
    record = Record(data)
    record.position = 4
    variant = record.number()
    if variant == 0:
        if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise FormatError("the file's checksum does not match")
        return data[5:-4], []
    if variant != 1:
        raise FormatError(f"a table of kind {variant}")
    rows = record.list(lambda: (record.byte(), record.number(), record.number()))
    end = record.position
    if zlib.crc32(data[:end]) != int.from_bytes(record.take(4), "little"):
        raise FormatError("the header's checksum does not match")
    sections = []
    for kind, length, crc in rows:
        section = record.take(length)
        if zlib.crc32(section) != crc:
            raise FormatError("a section's checksum does not match")
        if kind < 128:
            sections.append((kind, section))
    if record.position < len(data):
        raise FormatError("bytes follow the last section")
    if not sections or sections[0][0] != STREAM:
        raise FormatError("the stream does not come first")
    return sections[0][1], sections[1:]


class Models:
    def __init__(self):
        self.structure, self.frequencies, self.zeros, self.numbers = Numbers(), Numbers(), Numbers(), Numbers()
        self.text, self.levels, self.vectors = Text(), Levels(), Vectors()
        self.present, self.outside, self.sorted, self.paired = Counter(), Counter(), Counter(), Counter()
        self.flags_all, self.flags_prefix = Counter(), Counter()
        self.coding = [Counter() for _ in range(4)]


def decode(data):
    """Everything that a file holds."""
    stream, sections = open_sections(data)
    sections = iter(sections)

    def take_any(*kinds):
        found, content = next(sections, (None, b""))
        if found not in kinds:
            raise FormatError(f"a section of kind {kinds} was announced, {found} is there")
        return found, content

    def take(kind):
        return take_any(kind)[1]

    coder, models = RangeDecoder(stream), Models()
    number = models.structure.code(coder)
    if number:
        groups, tensors = STRUCTURES[number]
        tensors = [(name, shape, 0, axes) for name, shape, axes in tensors]
    else:
        groups, tensors = read_structure(models.text.code(coder, STRUCTURE))
    result = {"groups": groups, "definition": None, "recipe": None, "seed": None, "extra": [], "tensors": []}
    if models.present.code(coder):
        result["definition"] = take(RAW) if models.outside.code(coder) else models.text.code(coder, DEFINITION)
    if models.present.code(coder):
        result["recipe"] = models.text.code(coder, RECIPE)
    if models.present.code(coder):
        low = coder.bits(1)
        result["seed"] = models.numbers.code(coder) << 1 | low
    for key in ("float error", "error"):
        result[key] = models.numbers.code(coder) if models.present.code(coder) else None
    while models.present.code(coder):
        key = models.text.code(coder, KEY).decode("utf-8")
        result["extra"].append((key, models.text.code(coder, VALUE).decode("utf-8")))
    live = [code_flags(coder, models, size, grid) for size, grid in groups]
    waiting, shared = [], None
    last = max((number for number, tensor in enumerate(tensors) if tensor[2] == TRELLIS_CODED), default=None)
    for number, (name, shape, kind, axes) in enumerate(tensors):
        if kind == TRELLIS_CODED:
            # 5.5
            if len(shape) < 2 or not product(shape) or any(axes):
                raise FormatError(f"{name} is trellis-coded, but no matrix")
            waiting.append(number)
            dtype, content = "t", None
        elif kind == 0:
            values = decode_quantised(coder, models, take, groups, live, shape, axes)
            content = struct.pack(f"<{len(values)}f", *values)
            dtype = "q"
        else:
            dtype, content = str(kind - 1), decode_plain(coder, models, take_any, shape, kind - 1)
        result["tensors"].append({"name": name, "dtype": dtype, "shape": shape, "data": content})
        if kind == TRELLIS_CODED:
            parts = [result["tensors"][part] for part in waiting]
            if number < last and sum(product(part["shape"]) for part in parts) < SECTION_ENTRIES:
                continue
            shapes = [(part["shape"][0], product(part["shape"][1:])) for part in parts]
            decoded, own = decode_trellis(take(TRELLIS), shapes)
            if shared not in (None, own):
                raise FormatError("sections of another trellis, or of other classes")
            waiting, shared = [], own
            for part, values in zip(parts, decoded):
                part["data"] = struct.pack(f"<{len(values)}f", *values)
    if next(sections, None) is not None:
        raise FormatError("sections are left over")
    if coder.position < len(stream):
        raise FormatError("the stream goes on after its contents")
    return result


def decode_plain(coder, models, take_any, shape, dtype):
    """5.4"""
    if dtype >= len(DTYPE_SIZES):
        raise FormatError(f"type {dtype} is newer than this reader")
    narrow = dtype == 0 and models.present.code(coder)
    length = product(shape) * (2 if narrow else DTYPE_SIZES[dtype])
    if models.outside.code(coder):
        kind, content = take_any(RAW, PLANES)
        if kind == PLANES:
            content = decode_planes(content, length, 2 if narrow else NUMBER_SIZES[dtype])
    else:
        content = models.text.content(coder, PLAIN, length)
    if len(content) != length:
        raise FormatError("plain values of the wrong length")
    if narrow:
        halves = struct.unpack(f"<{length // 2}e", content)
        content = struct.pack(f"<{length // 2}f", *halves)
    return content


def decode_quantised(coder, models, take, groups, live, shape, axes):
    levels, zero = models.levels.code(coder)
    total = product(shape)
    if total == 0:
        return []
    positions = [
        [i for i in range(length) if axis is None or live[axis[0]][i // axis[1]]] for length, axis in zip(shape, axes)
    ]
    count = product(len(p) for p in positions)
    high = models.coding[1].code(coder)
    coding = high << 1 | models.coding[2 + high].code(coder)
    width = (len(levels) - 1).bit_length()
    if coding == 0:
        pivot = zero if zero is not None else (len(levels) - 1) // 2
        sides = (pivot, len(levels) - 1 - pivot)
        if len(shape) < 2:
            is_sorted = models.sorted.code(coder)
            symbols = models.vectors.code(coder, count, *sides, is_sorted)
        else:
            geometry = Geometry(shape, axes, groups, positions)
            is_sorted = models.sorted.code(coder) if geometry.arrangement == LOOSE else 0
            symbols = code_matrix(coder, geometry, len(positions[0]), *sides, is_sorted)
        indices = [pivot + symbol for symbol in symbols]
    elif coding == 1:
        indices = [coder.bits(width) for _ in range(count)]
    elif coding == 2:
        indices = unpack(take(PACKED), count, width)
    else:
        frequencies = [models.frequencies.code(coder) for _ in levels]
        is_paired = len(levels) <= 16 and models.paired.code(coder)
        zeros = models.zeros.code(coder) if zero is not None else 0
        indices = decode_static(take(STATIC), count, frequencies, is_paired)
        if zero is not None and indices.count(zero) != zeros:
            raise FormatError("a tensor has another number of zeros than the file tells")
    if count == total:
        return [levels[i] for i in indices]
    values = [0.0] * total
    for offset, index in zip(live_offsets(shape, positions), indices):
        values[offset] = levels[index]
    return values


# ---------------------------------------------------------------- 11. Another program's model

# By type: its bits, and whether its numbers have a sign.
ELEMENTS = [(64, 0), (32, 0), (16, 0), (16, 0), (8, 0), (8, 0), (8, 0), (8, 0), (8, 0), (6, 0), (6, 0), (4, 0)]
ELEMENTS += [(64, 1), (32, 1), (16, 1), (8, 1), (4, 1), (2, 1), (64, 0), (32, 0), (16, 0), (8, 0), (4, 0), (2, 0)]
ELEMENTS += [(8, 0), (64, 0), (128, 0)]
F32, F16, BF16 = 1, 2, 3
LITERAL, NESTED, TAGGED = 0, 1, 8


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


class Skeleton:
    """11.1"""

    def __init__(self, data):
        if data[:2] != b"\xff\x00":
            raise FormatError("the definition is no model's, or that of a newer one")
        self.data, self.position, self.literals = unzstd(data[2:], 1 << 29), 0, []
        self.format = self.number()
        names = [self.items(self.text) for _ in range(self.number())]
        self.tensors = [(of, self.number(), self.items(self.number)) for of in names]
        self.files = self.items(lambda: (self.text(), self.pieces()))
        for literal in self.literals:
            literal[1] = self.take(literal[1])
        if self.position < len(self.data) or not self.files:
            raise FormatError("the skeleton has bytes after its end, or no file")

    def take(self, count):
        part = self.data[self.position : self.position + count]
        if len(part) < count:
            raise FormatError("the skeleton is truncated")
        self.position += count
        return part

    def raw_varint(self):
        start = self.position
        while self.take(1)[0] >= 128:
            pass
        if self.position - start > 10:
            raise FormatError("a number of more than ten bytes")
        return self.data[start : self.position]

    def number(self):
        return sum((byte & 127) << 7 * place for place, byte in enumerate(self.raw_varint())) & (1 << 64) - 1

    def items(self, item):
        return [item() for _ in range(self.number())]

    def text(self):
        return self.take(self.number()).decode("utf-8")

    def pieces(self):
        return self.items(self.piece)

    def piece(self):
        kind = self.number()
        if kind == NESTED:
            return [kind, self.raw_varint(), self.raw_varint(), self.pieces()]
        piece = [kind, self.number()]
        if kind == LITERAL:
            self.literals.append(piece)
        elif kind in (6, 7) or kind >= TAGGED + 256:
            raise FormatError(f"a piece of kind {kind}")
        return piece


def to_half(value):
    try:
        return struct.pack("<e", value)
    except OverflowError:
        return b"\x00\x7c" if value > 0 else b"\x00\xfc"


def payload(stored, element, shape):
    """11.2"""
    data = stored["data"]
    if stored["dtype"] in ("q", "t") and element != F32:
        words = struct.unpack(f"<{len(data) // 4}I", data)
        if element == BF16:
            # To the nearest, and to the even one of two.
            return struct.pack(f"<{len(words)}H", *((w + 0x7FFF + (w >> 16 & 1)) >> 16 for w in words))
        return b"".join(to_half(value) for value in struct.unpack(f"<{len(words)}f", data))
    if len(data) != (ELEMENTS[element][0] * product(shape) + 7) // 8:
        raise FormatError(f"{stored['name']} has another number of bytes than its model says")
    return data


def written(piece, skeleton, payloads):
    """11.3"""
    kind, value = piece[:2]
    if kind == LITERAL:
        return value
    if kind == NESTED:
        content = b"".join(written(inner, skeleton, payloads) for inner in piece[3])
        former = sum((byte & 127) << 7 * place for place, byte in enumerate(piece[2]))
        return value + (piece[2] if former == len(content) else varint(len(content))) + content
    data, (bits, signed) = payloads[value], ELEMENTS[skeleton.tensors[value][1]]
    if kind >= TAGGED:
        return b"".join(bytes([kind - TAGGED]) + data[at : at + 4] for at in range(0, len(data), 4))
    if kind in (2, 3):
        return data
    width = bits // 8
    numbers = (int.from_bytes(data[at : at + width], "little", signed=signed) for at in range(0, len(data), width))
    return b"".join(varint(number & (1 << 64) - 1) for number in numbers)


def model_files(content):
    """The files of another program's model, the model's own first: their names, their bytes."""
    skeleton = Skeleton(content["definition"])
    if [tensor["name"] for tensor in content["tensors"]] != [names[0] for names, _, _ in skeleton.tensors]:
        raise FormatError("the tensors are not those of the model")
    tensors = zip(content["tensors"], skeleton.tensors)
    payloads = [payload(stored, element, shape) for stored, (_, element, shape) in tensors]
    files = []
    for place, (name, pieces) in enumerate(skeleton.files):
        if place and (set(name) & set("\\:\0") or any(not part or part[-1] in ". " for part in name.split("/"))):
            raise FormatError(f"a file of the model is called {name!r}, which may lie outside of its folder")
        files.append((name, b"".join(written(piece, skeleton, payloads) for piece in pieces)))
    return files


def restore(source, out):
    out = pathlib.Path(out)
    (_, own), *others = model_files(decode(pathlib.Path(source).read_bytes()))
    for path, data in [(out.parent / name, data) for name, data in others] + [(out, own)]:
        if any(folder.is_symlink() for folder in path.parents if out.parent in folder.parents):
            raise FormatError(f"a link leads to {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            file.write(data)


# ---------------------------------------------------------------- The program


def summary(content):
    """The facts of a golden file's .txt."""
    of = lambda data: "none" if data is None else f"{len(data)} bytes, crc32 {zlib.crc32(data):08x}"
    number = lambda n: "none" if n is None else str(n)
    lines = [f"definition {of(content['definition'])}", f"recipe {of(content['recipe'])}"]
    lines += [f"{key} {number(content[key])}" for key in ("seed", "float error", "error")]
    lines += [f"extra {of(key.encode())}; {of(value.encode())}" for key, value in content["extra"]]
    for tensor in content["tensors"]:
        shape = ",".join(map(str, tensor["shape"]))
        lines.append(f"tensor {tensor['name']} {tensor['dtype']} [{shape}] {of(tensor['data'])}")
    if (content["definition"] or b"")[:1] == b"\xff":
        lines += [f"file {name} {of(data)}" for name, data in model_files(content)]
    return "\n".join(lines) + "\n"


def check(folder):
    failures = 0
    files = sorted(pathlib.Path(folder).glob("*.mxp"))
    for path in files:
        try:
            same = summary(decode(path.read_bytes())) == path.with_suffix(".txt").read_text(encoding="utf-8")
            print(f"{path.name}: {'ok' if same else 'DIFFERENT'}")
        except FormatError as error:
            same = False
            print(f"{path.name}: {error}")
        failures += not same
    if not files:
        print(f"no .mxp file in {folder}")
    return 1 if failures or not files else 0


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        return check(arguments[1])
    if len(arguments) == 3 and arguments[0] == "--restore":
        try:
            restore(*arguments[1:])
        except (FormatError, OSError) as error:
            print(f"{arguments[1]}: {error}", file=sys.stderr)
            return 1
        return 0
    if len(arguments) not in (1, 2) or arguments[1:] not in ([], ["--values"]) or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        content = decode(pathlib.Path(arguments[0]).read_bytes())
    except (FormatError, OSError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    print(summary(content), end="")
    if arguments[1:]:
        for tensor in content["tensors"]:
            if tensor["dtype"] in ("q", "t", "0"):
                count = min(8, len(tensor["data"]) // 4)
                print(tensor["name"], *struct.unpack_from(f"<{count}f", tensor["data"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
