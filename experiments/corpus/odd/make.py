#!/usr/bin/env python3
"""Makes the odd files of this folder that its README lists as made: all synthetic, from one gradient.

Needs Pillow, and cjpeg from Debian's libjpeg-turbo-progs.
The files are committed; this says how they came to be. Usage: make.py FOLDER
"""

import io
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 61, 45
FOLDER = Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)


def picture(mode="RGB", width=WIDTH, height=HEIGHT):
    """Smooth in one direction, with edges in the other, and no colour twice the same."""
    image = Image.new("RGBA", (width, height))
    for y in range(height):
        for x in range(width):
            edge = 60 if (x // 9 + y // 7) % 2 else 0
            image.putpixel((x, y), (x * 190 // width + edge, y * 190 // height + edge,
                                    200 - x * 150 // width, 255 - (x + y) * 2))
    return image.convert(mode)


def run(program, *arguments, data):
    return subprocess.run([program, *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def ppm(mode="RGB", width=WIDTH):
    out = io.BytesIO()
    picture(mode, width).save(out, "PPM")
    return out.getvalue()


def cjpeg(*arguments, width=WIDTH, scans=None):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
        if scans:
            script.write(scans)
            script.flush()
            arguments += ("-scans", script.name)
        return run("cjpeg", "-quality", "92", *arguments, data=ppm(width=width))


def pillow(kind, image=None, **options):
    out = io.BytesIO()
    (image or picture()).save(out, kind, **options)
    return out.getvalue()


# JPEG: segments, to take apart and put together again.

def segments(jpeg):
    """Pairs of a marker and what follows it: a segment's content, or the data behind a scan header."""
    at, found = 2, []
    while True:
        marker = jpeg[at + 1]
        at += 2
        if marker == 0xD9:
            return found
        length = struct.unpack(">H", jpeg[at:at + 2])[0]
        content, at = jpeg[at + 2:at + length], at + length
        data = b""
        if marker == 0xDA:
            end = at
            while jpeg[end] != 0xFF or jpeg[end + 1] == 0 or 0xD0 <= jpeg[end + 1] <= 0xD7:
                end += 1
            data, at = jpeg[at:end], end
        found.append((marker, content, data))


def join(parts, end=b"\xff\xd9"):
    out = b"\xff\xd8"
    for marker, content, data in parts:
        out += bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + data
    return out + end


def edit(jpeg, marker, change):
    return join([(m, change(c) if m == marker else c, d) for m, c, d in segments(jpeg)])


def drop(jpeg, *markers):
    return join([part for part in segments(jpeg) if part[0] not in markers])


def insert(jpeg, marker, content):
    return join([(marker, content, b"")] + segments(jpeg))


def adobe(transform):
    return b"Adobe\0\x64\0\0\0\0" + bytes([transform])


def with_ids(jpeg, ids):
    def frame(content):
        return content[:6] + b"".join(bytes([i]) + content[7 + 3 * n:9 + 3 * n]
                                      for n, i in enumerate(ids))

    def scan(content):
        count = content[0]
        return bytes([count]) + b"".join(bytes([ids[content[1 + 2 * n] - 1], content[2 + 2 * n]])
                                         for n in range(count)) + content[1 + 2 * count:]
    parts = []
    for m, c, d in segments(jpeg):
        parts.append((m, frame(c) if m in (0xC0, 0xC1, 0xC2) else scan(c) if m == 0xDA else c, d))
    return join(parts)


def cut_data(jpeg, scan, keep):
    """Cuts the data of one scan to a part of them; the marker behind stays."""
    parts, count = [], 0
    for m, c, d in segments(jpeg):
        if m == 0xDA:
            if count == scan:
                d = d[:int(len(d) * keep)].rstrip(b"\xff")
            count += 1
        parts.append((m, c, d))
    return join(parts)


def scan_count(jpeg):
    return sum(1 for m, _, _ in segments(jpeg) if m == 0xDA)


def jpegs():
    yield "base", cjpeg()
    yield "gray", cjpeg("-grayscale")
    yield "progressive", cjpeg("-progressive")
    yield "gray-progressive", cjpeg("-grayscale", "-progressive")
    sampled = ["1x1,1x1,1x1", "2x1,1x1,1x1", "1x2,1x1,1x1", "2x2,1x1,1x1", "4x1,1x1,1x1",
               "1x4,1x1,1x1", "4x2,1x1,1x1", "2x4,1x1,1x1", "4x4,1x1,1x1", "3x1,1x1,1x1",
               "1x3,1x1,1x1", "3x3,1x1,1x1", "1x1,2x1,2x1", "1x1,1x2,1x2", "1x1,2x2,2x2",
               "2x2,2x1,2x1", "2x2,1x2,1x2", "2x2,1x1,2x2", "2x1,2x1,1x1", "2x2,2x2,2x2",
               "2x1,2x1,2x1", "2x1,1x2,1x1", "4x1,2x1,2x1", "3x2,1x1,1x1"]
    for factors in sampled:
        name = factors.replace(",", "-")
        for kind, options in (("seq", ()), ("prog", ("-progressive",))):
            try:
                yield f"sample-{name}-{kind}", cjpeg("-sample", factors, *options)
            except subprocess.CalledProcessError:
                pass
    for width in (1, 3, 4, 5):
        for factors in ("1x1,1x1,1x1", "2x2,1x1,1x1"):
            yield f"narrow-{width}-{factors[:3]}", cjpeg("-sample", factors, width=width)
    yield "gray-2x2", edit(cjpeg("-grayscale"), 0xC0, lambda c: c[:7] + b"\x22" + c[8:])
    yield "gray-3x2-progressive", edit(cjpeg("-grayscale", "-progressive"), 0xC2,
                                       lambda c: c[:7] + b"\x32" + c[8:])
    yield "extended-sof1", join([(0xC1 if m == 0xC0 else m, c, d) for m, c, d in segments(cjpeg())])
    yield "arithmetic", cjpeg("-arithmetic")
    yield "arithmetic-progressive", cjpeg("-arithmetic", "-progressive")
    yield "12-bit", edit(cjpeg(), 0xC0, lambda c: b"\x0c" + c[1:])
    for sof in (0xC3, 0xC5, 0xC7, 0xCB):
        yield f"sof-{sof:02x}", join([(sof if m == 0xC0 else m, c, d) for m, c, d in segments(cjpeg())])
    yield "two-frames", join([p for part in segments(cjpeg())
                              for p in ([part, part] if part[0] == 0xC0 else [part])])
    yield "two-components", with_two_components()

    # colours
    rgb = cjpeg("-rgb")
    yield "rgb-ids", rgb
    yield "rgb-no-markers", drop(rgb, 0xEE, 0xE0)
    yield "rgb-adobe0", insert(drop(with_ids_of(rgb), 0xEE, 0xE0), 0xEE, adobe(0))
    yield "rgb-adobe0-jfif-ids-123", insert(insert(with_ids_of(drop(rgb, 0xEE, 0xE0)), 0xEE, adobe(0)),
                                            0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    yield "ycc-adobe1", insert(drop(cjpeg(), 0xE0), 0xEE, adobe(1))
    yield "ycc-adobe2", insert(drop(cjpeg(), 0xE0), 0xEE, adobe(2))
    yield "ycc-jfif-adobe0", insert(cjpeg(), 0xEE, adobe(0))
    yield "ycc-jfif-ids-rgb", with_ids(cjpeg(), b"RGB")
    yield "ycc-no-markers", drop(cjpeg(), 0xE0)
    yield "ycc-no-markers-ids-012", with_ids(drop(cjpeg(), 0xE0), b"\0\1\2")
    yield "ycc-adobe1-ids-rgb", insert(with_ids(drop(cjpeg(), 0xE0), b"RGB"), 0xEE, adobe(1))
    cmyk = pillow("JPEG", picture("CMYK"), quality=92)
    yield "cmyk-adobe0", cmyk
    yield "cmyk-adobe0-progressive", pillow("JPEG", picture("CMYK"), quality=92, progressive=True)
    yield "ycck-adobe2", edit(cmyk, 0xEE, lambda c: adobe(2))
    yield "cmyk-no-adobe", drop(cmyk, 0xEE)
    yield "cmyk-adobe1", edit(cmyk, 0xEE, lambda c: adobe(1))

    # scans
    one_each = "0;\n1;\n2;\n"
    for factors in ("1x1,1x1,1x1", "2x1,1x1,1x1", "2x2,1x1,1x1"):
        yield f"several-scans-{factors[:3]}", cjpeg("-sample", factors, scans=one_each)
    yield "several-scans-pair", cjpeg("-sample", "1x1,1x1,1x1", scans="0;\n1 2;\n")
    yield "prog-dc-apart", cjpeg(scans="0: 0 0 0 0;\n1: 0 0 0 0;\n2: 0 0 0 0;\n"
                                       "0: 1 63 0 0;\n1: 1 63 0 0;\n2: 1 63 0 0;\n")
    yield "prog-dc-only", cjpeg(scans="0 1 2: 0 0 0 0;\n")
    yield "prog-no-refinement", cjpeg(scans="0 1 2: 0 0 0 1;\n0: 1 63 0 1;\n"
                                            "1: 1 63 0 1;\n2: 1 63 0 1;\n")
    yield "prog-many-bits", cjpeg(scans="0 1 2: 0 0 0 3;\n0 1 2: 0 0 3 2;\n0 1 2: 0 0 2 1;\n"
                                        "0 1 2: 0 0 1 0;\n0: 1 5 0 2;\n0: 6 63 0 2;\n0: 1 63 2 1;\n"
                                        "0: 1 63 1 0;\n1: 1 63 0 0;\n2: 1 63 0 0;\n")
    progressive = cjpeg("-progressive")
    for index in range(scan_count(progressive)):
        yield f"prog-cut-scan-{index}", cut_data(progressive, index, 0.5)
    parts = segments(progressive)
    scans = [n for n, part in enumerate(parts) if part[0] == 0xDA]
    yield "prog-last-scan-missing", join(parts[:scans[-1]])
    yield "prog-scan-twice", join(parts + [parts[scans[-1]]])
    yield "prog-restart", cjpeg("-progressive", "-restart", "2")

    # restarts
    for size in ("1B", "3B", "1"):
        yield f"restart-{size.lower()}", cjpeg("-restart", size)
    restart = cjpeg("-restart", "4B")
    yield "restart-gray", cjpeg("-grayscale", "-restart", "5B")
    yield "restart-missing", restart.replace(b"\xff\xd1", b"", 1)
    yield "restart-order", restart.replace(b"\xff\xd1", b"\xff\xd3", 1)
    at = restart.index(b"\xff\xd1")
    yield "restart-cut", restart[:at - 6] + restart[at:]
    yield "restart-too-many", edit(restart, 0xDD, lambda c: b"\0\5")
    yield "restart-none-announced", drop(restart, 0xDD)

    # ends
    base = cjpeg()
    yield "no-eoi", base[:-2]
    yield "no-eoi-cut", base[:-60]
    for keep in (0.1, 0.5, 0.9, 0.98):
        yield f"cut-{int(keep * 100)}", cut_data(base, 0, keep)
    yield "gray-cut-90", cut_data(cjpeg("-grayscale"), 0, 0.9)
    yield "taller", edit(base, 0xC0, lambda c: c[:1] + struct.pack(">H", HEIGHT + 40) + c[3:])
    yield "wider", edit(base, 0xC0, lambda c: c[:3] + struct.pack(">H", WIDTH + 40) + c[5:])
    yield "dnl-zero", edit(base, 0xC0, lambda c: c[:1] + b"\0\0" + c[3:])[:-2] \
        + b"\xff\xdc\0\4" + struct.pack(">H", HEIGHT) + b"\xff\xd9"
    yield "trailing-junk", base + b"more"
    yield "fill-bytes", b"\xff\xd8" + b"\xff\xff\xff" + base[2:]
    yield "junk-between", base[:20] + b"xyz" + base[20:]
    yield "no-huffman", drop(base, 0xC4)
    yield "no-quantization", drop(base, 0xDB)
    yield "comment-after-frame", join([p for part in segments(base) for p in
                                       ([part, (0xFE, b"hello", b"")] if part[0] == 0xC0 else [part])])


def with_ids_of(rgb):
    """The components of an RGB file numbered 1, 2, 3."""
    parts = []
    numbers = {ord(letter): n + 1 for n, letter in enumerate("RGB")}
    for m, c, d in segments(rgb):
        c = bytearray(c)
        if m == 0xC0:
            for n in range(3):
                c[6 + 3 * n] = numbers.get(c[6 + 3 * n], c[6 + 3 * n])
        if m == 0xDA:
            for n in range(c[0]):
                c[1 + 2 * n] = numbers.get(c[1 + 2 * n], c[1 + 2 * n])
        parts.append((m, bytes(c), d))
    return join(parts)


def with_two_components():
    gray = cjpeg("-sample", "1x1,1x1,1x1", scans="0;\n1;\n2;\n")
    kept, scans = [], 0
    for m, c, d in segments(gray):
        if m == 0xC0:
            c = c[:5] + b"\2" + c[6:12]
        if m == 0xDA:
            scans += 1
            if scans == 3:
                continue
        kept.append((m, c, d))
    return join(kept)


# PNG

def chunks(png):
    at, found = 8, []
    while at < len(png):
        length = struct.unpack(">I", png[at:at + 4])[0]
        found.append((png[at + 4:at + 8], png[at + 8:at + 8 + length]))
        at += 12 + length
    return found


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(parts):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def raw_png(color, depth, rows, interlace=0, extra=()):
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, color, 0, 0, interlace)
    return png([(b"IHDR", header), *extra, (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")])


def sixteen(channels):
    rows = []
    for y in range(HEIGHT):
        samples = [(x * 900 + y * 300 * (n + 1)) & 0xFFFF for x in range(WIDTH) for n in range(channels)]
        rows.append(b"\0" + struct.pack(f">{len(samples)}H", *samples))
    return rows


def interlaced(image):
    """Adam7, unfiltered."""
    data = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, HEIGHT, dy):
            row = [image.getpixel((x, y)) for x in range(x0, WIDTH, dx)]
            if row:
                data += b"\0" + b"".join(bytes(p) for p in row)
    return data


def pngs():
    base = pillow("PNG")
    yield "rgb", base
    yield "gray", pillow("PNG", picture("L"))
    yield "gray-alpha", pillow("PNG", picture("LA"))
    yield "rgba", pillow("PNG", picture("RGBA"))
    yield "palette", pillow("PNG", picture("P"))
    yield "bilevel", pillow("PNG", picture("1"))
    few = picture().quantize(4)
    yield "palette-2-bit", pillow("PNG", few, bits=2)
    yield "palette-transparent", pillow("PNG", few, transparency=b"\x20\x80\xff")
    yield "gray-transparent", pillow("PNG", picture("L"), transparency=100)
    yield "rgb-transparent", pillow("PNG", transparency=(60, 60, 200))
    yield "gray-16", raw_png(0, 16, sixteen(1))
    yield "rgb-16", raw_png(2, 16, sixteen(3))
    yield "rgba-16", raw_png(6, 16, sixteen(4))
    yield "interlaced", raw_png(2, 8, [interlaced(picture())], interlace=1)
    parts = chunks(base)
    data = b"".join(d for n, d in parts if n == b"IDAT")
    yield "many-idat", png([parts[0], *[(b"IDAT", data[n:n + 7]) for n in range(0, len(data), 7)], parts[-1]])
    yield "cut-idat", png([parts[0], (b"IDAT", data[:len(data) // 2]), parts[-1]])
    short = zlib.compress(zlib.decompress(data)[:HEIGHT * WIDTH])
    yield "short-idat", png([parts[0], (b"IDAT", short), parts[-1]])
    longer = zlib.compress(zlib.decompress(data) + bytes(500))
    yield "long-idat", png([parts[0], (b"IDAT", longer), parts[-1]])
    broken = bytearray(base)
    broken[len(base) - 14] ^= 1
    yield "bad-crc-idat", bytes(broken)
    broken = bytearray(base)
    broken[29] ^= 1
    yield "bad-crc-ihdr", bytes(broken)
    yield "bad-adler", png([parts[0], (b"IDAT", data[:-1] + bytes([data[-1] ^ 1])), parts[-1]])
    yield "unknown-ancillary", png([parts[0], (b"abCd", b"x"), *parts[1:]])
    yield "unknown-critical", png([parts[0], (b"ABCD", b"x"), *parts[1:]])
    yield "no-palette", raw_png(3, 8, [b"\0" + bytes(WIDTH)] * HEIGHT)
    yield "palette-index-outside", raw_png(3, 8, [b"\0" + bytes([9] * WIDTH)] * HEIGHT,
                                           extra=[(b"PLTE", b"\1\2\3\4\5\6")])
    yield "bad-depth", raw_png(2, 4, [b"\0" + bytes(WIDTH * 3)] * HEIGHT)
    yield "bad-filter", raw_png(0, 8, [b"\7" + bytes(WIDTH)] * HEIGHT)
    yield "animated", pillow("PNG", save_all=True,
                             append_images=[picture().transpose(Image.Transpose.ROTATE_180)], duration=100)
    yield "animated-default-apart", pillow("PNG", save_all=True, default_image=True, duration=100,
                                           append_images=[picture().transpose(Image.Transpose.ROTATE_180)])
    yield "trailing-junk", base + b"more"
    yield "zero-width", raw_png(2, 8, [b""])[:16] + b"\0\0\0\0" + base[20:]


# WebP

def riff(parts):
    body = b"WEBP" + b"".join(n + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for n, d in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunks(webp):
    at, found = 12, []
    while at < len(webp):
        length = struct.unpack("<I", webp[at + 4:at + 8])[0]
        found.append((webp[at:at + 4], webp[at + 8:at + 8 + length]))
        at += 8 + length + length % 2
    return found


def extended(flags, width=WIDTH, height=HEIGHT):
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") \
        + (height - 1).to_bytes(3, "little")


def frame(parts, x=0, y=0, width=WIDTH, height=HEIGHT, flags=0):
    header = b"".join(n.to_bytes(3, "little") for n in (x // 2, y // 2, width - 1, height - 1, 100))
    return b"ANMF", header + bytes([flags]) + riff(parts)[12:]


def webps():
    lossy = pillow("WEBP", quality=90)
    lossless = pillow("WEBP", lossless=True)
    alpha = pillow("WEBP", picture("RGBA"), quality=90)
    lossless_alpha = pillow("WEBP", picture("RGBA"), lossless=True)
    yield "lossy", lossy
    yield "lossless", lossless
    yield "lossy-alpha", alpha
    yield "lossless-alpha", lossless_alpha
    image, clear = riff_chunks(lossy)[0], riff_chunks(lossless)[0]
    alph = next(c for c in riff_chunks(alpha) if c[0] == b"ALPH")
    under = next(c for c in riff_chunks(alpha) if c[0] == b"VP8 ")
    raw = (b"ALPH", b"\0" + picture("RGBA").getchannel("A").tobytes())
    yield "alpha-raw", riff([extended(0x10), raw, under])
    for method in (1, 2, 3):
        yield f"alpha-filter-{method}", riff([extended(0x10), (b"ALPH", bytes([method << 2])
                                                               + raw[1][1:]), under])
    yield "alpha-raw-short", riff([extended(0x10), (b"ALPH", raw[1][:500]), under])
    yield "alpha-bad-method", riff([extended(0x10), (b"ALPH", b"\2" + raw[1][1:]), under])
    yield "alpha-no-flag", riff([extended(0), alph, under])
    yield "alpha-with-lossless", riff([extended(0x10), alph, riff_chunks(lossless_alpha)[0]])
    yield "lossless-alpha-no-flag", riff([extended(0), riff_chunks(lossless_alpha)[0]])
    yield "flags-without-chunks", riff([extended(0x3C), image])
    yield "two-images", riff([extended(0), image, clear])
    yield "unknown-chunks", riff([extended(0), (b"abcd", b"xyz"), image, (b"efgh", b"")])
    yield "canvas-larger", riff([extended(0, WIDTH + 2), image])
    yield "canvas-smaller", riff([extended(0, WIDTH - 1), image])
    yield "no-image", riff([extended(0)])
    yield "animation-flag-alone", riff([extended(2), image])
    anim = (b"ANIM", b"\xff\xff\xff\xff\0\0")
    small = picture("RGB", 20, 14)
    small_lossy = riff_chunks(pillow("WEBP", small, quality=90))[0]
    small_clear = riff_chunks(pillow("WEBP", small, lossless=True))[0]
    for name, part in (("lossy", image), ("lossless", clear)):
        yield f"anim-{name}", riff([extended(2), anim, frame([part]), frame([part])])
    yield "anim-alpha", riff([extended(0x12), anim, frame([alph, under]), frame([image])])
    yield "anim-alpha-filter", riff([extended(0x12), anim, frame([(b"ALPH", b"\x0c" + raw[1][1:]), under])])
    yield "anim-frame-small", riff([extended(0x12), anim, frame([small_lossy], 10, 6, 20, 14)])
    yield "anim-frame-small-opaque", riff([extended(2), anim, frame([small_clear], 10, 6, 20, 14)])
    yield "anim-frame-no-blend", riff([extended(0x12), anim, frame([alph, under], flags=2)])
    yield "anim-frame-outside", riff([extended(2), anim, frame([small_lossy], 50, 6, 20, 14)])
    yield "anim-frame-size-lies", riff([extended(2), anim, frame([small_lossy])])
    yield "anim-frame-alpha-lies", riff([extended(0x12), anim, frame([(b"ALPH", b"\0" + b"\x55" * 9), small_lossy],
                                                                    width=3, height=3)])
    yield "anim-control-missing", riff([extended(2), frame([image])])
    yield "anim-control-late", riff([extended(2), frame([image]), anim])
    tiny = riff_chunks(pillow("WEBP", Image.new("RGB", (1, 1), (9, 99, 200)), lossless=True))[0]
    yield "anim-tiny", riff([extended(2, 1, 1), anim, frame([tiny], 0, 0, 1, 1)])
    # Sizes that do not fit.
    yield "riff-longer", lossy[:4] + struct.pack("<I", len(lossy) + 100) + lossy[8:]
    yield "riff-shorter", lossy[:4] + struct.pack("<I", len(lossy) - 30) + lossy[8:]
    yield "chunk-longer", lossy[:16] + struct.pack("<I", len(lossy)) + lossy[20:]
    yield "chunk-behind-longer", riff([extended(0), image])[:-1] + b"\0" + b"EXIF\0\0\0\x80"
    yield "trailing-junk", lossy + b"more bytes"
    for keep in (0.3, 0.7, 0.95):
        for name, (kind, data) in (("lossy", image), ("lossless", clear)):
            yield f"{name}-cut-{int(keep * 100)}", riff([(kind, data[:int(len(data) * keep)])])
    yield "lossy-hidden", riff([(image[0], bytes([image[1][0] & 0xEF]) + image[1][1:])])
    yield "lossy-not-key", riff([(image[0], bytes([image[1][0] | 1]) + image[1][1:])])
    yield "lossy-profile-5", riff([(image[0], bytes([image[1][0] | 10]) + image[1][1:])])


for kind, make, ending in (("jpeg", jpegs, "jpg"), ("png", pngs, "png"), ("webp", webps, "webp")):
    for name, data in make():
        path = FOLDER / f"{kind}-{name}.{ending}"
        path.write_bytes(data)
