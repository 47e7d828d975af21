#!/usr/bin/env python3
"""Makes `likeness.bin`: how surprising each letter is after the one before it in source code and documentation.

    python3 likeness.py FOLDER... > likeness.bin

The table in the repository was made of Python's standard library, of the sources and documents of this
workspace's dependencies, and of its own. Files are taken in the order of a seeded shuffle, 3,000 of them at
most. Words count by the logarithm of how often they occur, so that no file's favourite word decides; words
of more than 24 letters and digits do not count, since they may be keys.
"""

import collections
import math
import pathlib
import random
import re
import sys

SEED = 1
MAX_FILES = 3_000
MAX_BYTES = 200_000
MAX_WORD = 24
DIGIT, EDGE, SYMBOLS = 26, 27, 28
WORD = re.compile(rb"[A-Za-z0-9]+")


def symbols(word):
    """Each letter's number, and whether a capital after a small letter begins a new word there."""
    before = None
    for byte in word:
        is_capital = 65 <= byte <= 90
        begins = is_capital and before is not None and 97 <= before <= 122
        yield (DIGIT if byte <= 57 else (byte | 32) - 97), begins
        before = byte


def words_of(folders):
    files = [file for folder in folders for file in pathlib.Path(folder).rglob("*")]
    files = sorted(file for file in files if file.suffix in {".py", ".rs", ".md"} and file.is_file())
    random.Random(SEED).shuffle(files)
    words = collections.Counter()
    for file in files[:MAX_FILES]:
        words.update(WORD.findall(file.read_bytes()[:MAX_BYTES]))
    return words


def table(words):
    counts = [[2.0] * SYMBOLS for _ in range(SYMBOLS)]
    for word, count in words.items():
        if len(word) > MAX_WORD:
            continue
        weight, before = math.log2(1 + count), EDGE
        for symbol, begins in symbols(word):
            counts[EDGE if begins else before][symbol] += weight
            before = symbol
        counts[before][EDGE] += weight
    for row in counts:
        total = sum(row)
        yield from (min(79, round(8 * -math.log2(count / total))) for count in row)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.stdout.buffer.write(bytes(table(words_of(sys.argv[1:]))))
