#!/usr/bin/env python3
"""What an independent decoder (Pillow: libjpeg-turbo, zlib and libwebp) makes of the odd files.

    reference.py write           writes reference.txt anew
    reference.py check [COMMAND] checks that Pillow still says what reference.txt says, and, with the
                                 program weighbridge-command, compares every pixel of its answers

Needs Pillow (https://pypi.org/project/pillow). A line of reference.txt is a file, the size of its
picture and the mean colours of 8 x 8 cells of it, row by row: red, green and blue times alpha, and
alpha, as hexadecimal digits; or a file and `refused`.
"""

import io
import subprocess
import sys
import warnings
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
CELLS = 8
# The most that two decoders' rounding, scaling of chroma and mixing of inks make: of 255.
MEAN_ERROR_MAX, CELL_ERROR_MAX = 1.5, 4
# Whose zlib checksum is wrong, which our decoder does not look at, while those of its chunks are right.
NOT_REFUSED = "made/png-bad-adler.png"
TYPES = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG", "webp": b"RIFF"}


def files():
    for path in sorted([*HERE.iterdir(), *(HERE / "made").iterdir()]):
        if path.suffix in (".jpg", ".png", ".webp", ".bin"):
            yield path.relative_to(HERE).as_posix(), path.read_bytes()


def content_type(data):
    return next((f"image/{name}" for name, magic in TYPES.items() if data.startswith(magic)), "image/png")


def decode(data):
    """The first picture as rows of (r, g, b, a), colours times alpha; None if Pillow refuses it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
            image.load()
    except Exception:
        return None
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    pixels = image.convert("RGBA").tobytes()
    flat = bytearray(pixels)
    for at in range(0, len(flat), 4):
        alpha = flat[at + 3]
        flat[at:at + 3] = bytes((value * alpha + 127) // 255 for value in flat[at:at + 3])
    return image.width, image.height, bytes(flat)


def cells(width, height, pixels):
    means = []
    for row in range(CELLS):
        for column in range(CELLS):
            xs = range(column * width // CELLS, max((column + 1) * width // CELLS, column * width // CELLS + 1))
            ys = range(row * height // CELLS, max((row + 1) * height // CELLS, row * height // CELLS + 1))
            for channel in range(4):
                total = sum(pixels[4 * (y * width + x) + channel] for y in ys for x in xs)
                count = len(xs) * len(ys)
                means.append((total + count // 2) // count)
    return bytes(means)


def line(name, data):
    decoded = decode(data)
    if decoded is None:
        return f"{name} refused"
    width, height, _ = decoded
    return f"{name} {width} {height} {cells(*decoded).hex()}"


def mean_error(one, other):
    if one[:2] != other[:2]:
        return 255.0
    return sum(abs(a - b) for a, b in zip(one[2], other[2])) / len(one[2])


def answer(command, data):
    """Status and body of what the program answers."""
    target = "/v1/images/transform?op=encode:png"
    out = subprocess.run([command, "POST", target, content_type(data)], input=data,
                         stdout=subprocess.PIPE, check=True).stdout
    head, body = out.split(b"\n", 1)
    return int(head.split()[0]), body


def compare(command):
    wrong = refused = right = 0
    for name, data in files():
        status, body = answer(command, data)
        reference = decode(data)
        if status != 200:
            refused += 1
            said = "decodes it" if reference else "refuses it"
            print(f"{name}: {status}; Pillow {said}: {body.decode()}")
        elif reference is None:
            print(f"{name}: 200; Pillow refuses it")
            wrong += name != NOT_REFUSED
        else:
            error = mean_error(decode(body), reference)
            right += error <= MEAN_ERROR_MAX
            wrong += error > MEAN_ERROR_MAX
            print(f"{name}: 200; mean error {error:.3f}{' WRONG' if error > MEAN_ERROR_MAX else ''}")
    print(f"reference: {right} right, {refused} refused, {wrong} wrong")
    return wrong == 0


def main():
    table = HERE / "reference.txt"
    mode, *rest = sys.argv[1:] or [""]
    lines = [line(name, data) for name, data in files()] if mode in ("write", "check") else sys.exit(__doc__)
    if mode == "write":
        table.write_text("\n".join(lines) + "\n")
        return True
    committed = table.read_text().splitlines()
    changed = [name.split()[0] for name in set(lines) ^ set(committed)]
    for name in sorted(set(changed)):
        print(f"{name}: Pillow says something else than reference.txt")
    return (compare(rest[0]) if rest else True) and not changed


sys.exit(0 if main() else 1)
