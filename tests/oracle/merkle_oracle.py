#!/usr/bin/python3
"""Compares arkshare's Merkle roots and piece hashes with those of libtorrent 2.

usage: merkle_oracle.py BOOK_ROOT

BOOK_ROOT is the program built from book_root.cc. Files of many sizes around the borders of blocks
(16 KiB) and pieces (1 MiB) are hashed by both. BEP 52 has no root for an empty file, so size 0 is
left out. Exits with 77 when libtorrent is missing.
"""

import os
import random
import subprocess
import sys
import tempfile

try:
    import libtorrent
except ImportError:
    print("SKIP: merkle_oracle needs libtorrent for Python (apt-get install python3-libtorrent)")
    sys.exit(77)

BLOCK = 16 * 1024
PIECE = 1024 * 1024


def sizes():
    """Sizes on and around every border that the tree has, and some odd ones between."""
    borders = [BLOCK * n for n in (1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 63)]
    borders += [PIECE * n for n in (1, 2, 3, 4, 5, 8)]
    around = {border + by for border in borders for by in (-1, 0, 1)}
    around |= {PIECE + BLOCK, PIECE + BLOCK + 1, 2 * PIECE - BLOCK, 2 * PIECE - BLOCK - 1}
    odd = {1, 2, 31, 32, 33, 64, 1000, 12345, 777777, 2345678, 6543211, 9999999, 17 * PIECE + 4321}
    generator = random.Random(52)
    return sorted(around | odd | {generator.randrange(1, 7 * PIECE) for _ in range(40)})


def libtorrent_says(path):
    """The root and the piece hashes of one file by libtorrent, as hex; no pieces for a short file."""
    storage = libtorrent.file_storage()
    libtorrent.add_files(storage, path)
    torrent = libtorrent.create_torrent(storage, PIECE, libtorrent.create_torrent.v2_only)
    libtorrent.set_piece_hashes(torrent, os.path.dirname(path))
    made = torrent.generate()
    (entry,) = made[b"info"][b"file tree"].values()
    root = entry[b""][b"pieces root"]
    layer = made.get(b"piece layers", {}).get(root, b"")
    return root.hex(), [layer[i : i + 32].hex() for i in range(0, len(layer), 32)]


def main():
    book_root = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="merkle_oracle.") as folder:
        paths = {}
        for size in sizes():
            paths[size] = os.path.join(folder, f"{size}.bin")
            with open(paths[size], "wb") as file:
                file.write(random.Random(size).randbytes(size))
        printed = subprocess.run(
            [book_root, *paths.values()], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.splitlines()
        assert len(printed) == len(paths), (len(printed), len(paths))

        wrong = 0
        layers = 0
        for (size, path), line in zip(paths.items(), printed):
            root, *pieces = line.split()
            expected_root, expected_pieces = libtorrent_says(path)
            if size <= PIECE:
                # BEP 52 lists no pieces of a file that has one only: it is the root itself.
                assert not expected_pieces, size
                expected_pieces = [expected_root]
            else:
                assert len(expected_pieces) == -(-size // PIECE), size
                layers += 1
            if root != expected_root:
                print(f"size {size}: our root {root}, libtorrent's {expected_root}")
                wrong += 1
            elif pieces != expected_pieces:
                print(f"size {size}: the piece hashes differ from libtorrent's")
                wrong += 1
    print(
        f"libtorrent {libtorrent.version}: {len(paths)} files compared, {layers} of them with "
        f"several pieces, {wrong} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
