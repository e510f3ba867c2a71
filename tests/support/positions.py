"""Positions `<epoch>-<offset>`, several joined by commas."""

import re

POSITION = re.compile(r"[0-9a-z]{8}-(0|[1-9][0-9]*)")


def split(positions):
    """The epoch and offset of each."""
    parts = positions.split(",")
    assert all(POSITION.fullmatch(part) for part in parts), f"no positions: {positions!r}"
    return [(epoch, int(offset)) for epoch, offset in (part.split("-") for part in parts)]


def offset(position):
    """The offset of one position."""
    ((_, number),) = split(position)
    return number


def at(position, number):
    """Another offset in the same stream; 0 is before everything."""
    ((epoch, _),) = split(position)
    return f"{epoch}-{number}"


def missed(after, last):
    """The bounds of the gap behind one position up to another."""
    return offset(after) + 1, offset(last)


def other_epoch(position):
    """The same offset in a stream that never was."""
    ((epoch, number),) = split(position)
    turned = "".join("b" if letter == "a" else "a" for letter in epoch)
    return f"{turned}-{number}"
