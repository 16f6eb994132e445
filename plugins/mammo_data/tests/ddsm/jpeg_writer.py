"""Lossless JPEG as PVRG's codec writes it, from any array: written from the rules, sharing no code with the reader."""

from __future__ import annotations

import heapq

import numpy as np

CATEGORIES = 17


def encode(image: np.ndarray, precision: int = 12, predictor: int = 1, pvrg: bool = True) -> bytes:
    """A stream of (rows, columns) samples below ``2 ** precision``; ``pvrg`` or the standard's rule for row 0."""
    rows, columns = image.shape
    magnitude, category = difference_codes(image, precision, predictor, pvrg)
    lengths = code_lengths(np.bincount(category, minlength=CATEGORIES).tolist())
    symbols = sorted((s for s in range(CATEGORIES) if lengths[s]), key=lambda s: (lengths[s], s))
    counts = bytes(sum(lengths[s] == bits for s in symbols) for bits in range(1, 17))
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xC3, bytes([precision, *divmod(rows, 256), *divmod(columns, 256), 1, 1, 0x11, 0])),
            segment(0xC4, bytes([0, *counts, *symbols])),
            segment(0xDA, bytes([1, 1, 0, predictor, 0, 0])),
            packed(magnitude, category, canonical(symbols, lengths), lengths),
            b"\xff\xd9",
        ]
    )


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker, *divmod(len(body) + 2, 256)]) + body


def difference_codes(image: np.ndarray, precision: int, predictor: int, pvrg: bool) -> tuple[np.ndarray, np.ndarray]:
    """The bits that follow the code, and the category, of each sample in order."""
    guess = predictions(image.astype(np.int64), 1 << (precision - 1), predictor, pvrg)
    difference = (image.astype(np.int64) - guess + 32768) % 65536 - 32768  # -32768..32767
    category = np.where(difference == -32768, 16, [[int(abs(d)).bit_length() for d in row] for row in difference])
    magnitude = np.where(difference < 0, difference + (1 << category) - 1, difference)
    return np.where(category == 16, 0, magnitude).ravel(), category.ravel()


def predictions(x: np.ndarray, middle: int, predictor: int, pvrg: bool) -> np.ndarray:
    padded = np.full((x.shape[0] + 1, x.shape[1] + 1), middle)
    padded[1:, 1:] = x
    a, b, c = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    rules = [a, b, c, a + b - c, a + (b - c) // 2, b + (a - c) // 2, (a + b) // 2]
    guess = rules[predictor - 1].copy()
    if not pvrg:
        guess[0] = a[0]
    guess[:, 0] = b[:, 0]
    return guess


def code_lengths(frequencies: list[int]) -> list[int]:
    """Huffman's, with one word reserved; five bits each where a word would be longer than 16."""
    heap = [(count, [symbol]) for symbol, count in enumerate(frequencies) if count] + [(0, [CATEGORIES])]
    heapq.heapify(heap)
    lengths = [0] * (CATEGORIES + 1)
    while len(heap) > 1:
        (few, one), (more, other) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in one + other:
            lengths[symbol] += 1
        heapq.heappush(heap, (few + more, one + other))
    if max(lengths) > 16:
        return [5] * CATEGORIES
    return lengths[:CATEGORIES]


def canonical(symbols: list[int], lengths: list[int]) -> list[int]:
    words, word, before = [0] * CATEGORIES, 0, 0
    for symbol in symbols:
        word <<= lengths[symbol] - before
        words[symbol], before = word, lengths[symbol]
        word += 1
    return words


def packed(magnitude: np.ndarray, category: np.ndarray, words: list[int], lengths: list[int]) -> bytes:
    """All codes in a row, filled up with ones, a zero stuffed behind each ff."""
    extra = np.where(category == 16, 0, category)
    size = np.array(lengths)[category] + extra
    value = (np.array(words)[category] << extra) | magnitude
    shift = size[:, None] - 1 - np.arange(32)
    bits = ((value[:, None] >> np.maximum(shift, 0)) & 1).astype(np.uint8)[shift >= 0]
    bits = np.concatenate([bits, np.ones(-len(bits) % 8, np.uint8)])
    return np.packbits(bits).tobytes().replace(b"\xff", b"\xff\x00")
