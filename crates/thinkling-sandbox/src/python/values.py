"""How values go between the two interpreters: one line of JSON each.

Only plain values pass, and builtin types: what arrives is of a builtin type, whatever its class was where it came
from, so that no comparison on this side runs code of the other side. Anything else stays where it
is and passes as a number that names it.
"""

import builtins
import decimal
import fractions
import json
import sys

MAX_DEPTH = 150
MAX_LINE = 64 << 20


class Gone(BaseException):
    """The other side has ended, or does not keep to the protocol."""


def encode(value, keep, depth=0):
    """JSON for a value; `keep` gives the JSON of one that cannot pass."""
    if value is None or value is True or value is False:
        return value
    if depth > MAX_DEPTH:
        raise RecursionError("a value nested too deep to be compared")
    inner = lambda item: encode(item, keep, depth + 1)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, list):
        return [inner(item) for item in list.__iter__(value)]
    if isinstance(value, tuple):
        return {"t": [inner(item) for item in tuple.__iter__(value)]}
    if isinstance(value, dict):
        return {"d": [[inner(key), inner(item)] for key, item in dict.items(value)]}
    if isinstance(value, (set, frozenset)):
        return {"f" if isinstance(value, frozenset) else "s": [inner(item) for item in value]}
    if isinstance(value, (bytes, bytearray)):
        return {"b" if isinstance(value, bytes) else "B": bytes(value).hex()}
    if isinstance(value, complex):
        return {"c": [value.real, value.imag]}
    if isinstance(value, range):
        return {"r": [value.start, value.stop, value.step]}
    if isinstance(value, fractions.Fraction):
        return {"q": [value.numerator, value.denominator]}
    if isinstance(value, decimal.Decimal):
        return {"D": str(value)}
    if isinstance(value, type) and getattr(builtins, value.__name__, None) is value:
        return {"n": value.__name__}
    return keep(value)


def builtin_type(name):
    value = getattr(builtins, name)
    if not isinstance(value, type):
        raise TypeError("a builtin that is no type")
    return value


PLAIN = {
    "t": tuple,
    "d": lambda pairs: {key: value for key, value in pairs},
    "s": set,
    "f": frozenset,
    "b": bytes.fromhex,
    "B": bytearray.fromhex,
    "c": lambda parts: complex(*parts),
    "r": lambda parts: range(*parts),
    "q": lambda parts: fractions.Fraction(*parts),
    "D": decimal.Decimal,
    "n": builtin_type,
}


def decoder(named):
    """Reads a line; `named` maps further tags to what they give."""
    table = PLAIN | named

    def plain(pairs):
        (tag, inner), = pairs.items()
        return table[tag](inner)

    return json.JSONDecoder(object_hook=plain).decode


class Line:
    """Lines in and out over two descriptors of the host."""

    def __init__(self):
        self.rest = b""

    def send(self, message):
        text = json.dumps(message, separators=(",", ":"))
        write_all(2, text.encode() + b"\n")

    def receive(self):
        parts, size = [self.rest], len(self.rest)
        while b"\n" not in parts[-1]:
            part = os.read(0, 1 << 16)
            size += len(part)
            if not part or size > MAX_LINE:
                raise Gone("the other interpreter has ended")
            parts.append(part)
        line, _, self.rest = b"".join(parts).partition(b"\n")
        return line.decode()
