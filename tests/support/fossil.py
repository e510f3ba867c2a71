"""Deltas in Fossil's format, as the SDKs apply them."""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"


def apply_delta(source, delta):
    """The bytes that a delta makes of others."""
    at = 0

    def number():
        nonlocal at
        start = at
        while chr(delta[at]) in DIGITS:
            at += 1
        value = 0
        for digit in delta[start:at].decode():
            value = value * 64 + DIGITS.index(digit)
        at += 1
        return value, chr(delta[at - 1])

    length, end = number()
    assert end == "\n"
    out = b""
    while True:
        count, kind = number()
        if kind == "@":
            offset, end = number()
            assert end == "," and offset + count <= len(source)
            out += source[offset : offset + count]
        elif kind == ":":
            out += delta[at : at + count]
            at += count
        else:
            assert kind == ";" and at == len(delta) and len(out) == length
            padded = out + bytes(-len(out) % 4)
            words = (int.from_bytes(padded[i : i + 4], "big") for i in range(0, len(padded), 4))
            assert sum(words) % 2**32 == count
            return out


class Chain:
    """The payloads of one subscription, from its publications in their order."""

    def __init__(self):
        self.last = None
        self.deltas = 0

    def next(self, publication):
        text = publication["data"]
        assert isinstance(text, str), publication
        if publication.get("delta"):
            assert self.last is not None, "the first publication must be whole"
            self.last = apply_delta(self.last, text.encode())
            self.deltas += 1
        else:
            self.last = text.encode()
        return self.last
