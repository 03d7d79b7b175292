#!/usr/bin/env python3
"""Pack the UCI digits into examples/data/digits.bin. Standard library only.

usage: make_digits.py digits.csv.gz digits.bin

The input is the file that scikit-learn ships as sklearn/datasets/data/digits.csv.gz: 1,797 rows of 64 pixels
(0..16, row-major 8x8) and the label. The output format is described in examples/data/README.md.
"""
import gzip
import struct
import sys

TRAIN_ROWS = 1400  # the rows behind are held out: 39 to 41 of each digit


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rows = []
    with gzip.open(sys.argv[1], "rt", encoding="ascii") as text:
        for number, line in enumerate(text, 1):
            row = [int(float(field)) for field in line.split(",")]
            if len(row) != 65 or not all(0 <= p <= 16 for p in row[:64]) or not 0 <= row[64] <= 9:
                sys.exit(f"{sys.argv[1]}:{number}: not 64 pixels 0..16 and a label 0..9")
            rows.append(bytes(row))
    if not TRAIN_ROWS < len(rows) < 65536:
        sys.exit(f"{sys.argv[1]}: {len(rows)} rows; more than {TRAIN_ROWS} and less than 65536 are needed")
    with open(sys.argv[2], "wb") as out:
        out.write(struct.pack("<8sHHBBBB", b"digits1\n", len(rows), TRAIN_ROWS, 8, 8, 16, 10))
        out.write(b"".join(rows))
    print(f"{sys.argv[2]}: {len(rows)} rows, the last {len(rows) - TRAIN_ROWS} held out")


if __name__ == "__main__":
    main()
