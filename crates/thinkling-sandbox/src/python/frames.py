"""What the host hands over: byte strings, each after its length in decimal and a line break."""

import os

COMPILE_FAILED = 121


def read_exact(count):
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 16))
        if not part:
            raise EOFError("the host sent less than it announced")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame():
    digits = b""
    while (byte := read_exact(1)) != b"\n":
        digits += byte
    return read_exact(int(digits))


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def compiled(source, name):
    """The code of a program, or what keeps it from being one, in words."""
    try:
        return compile(source, name, "exec", dont_inherit=True), None
    except SyntaxError as error:
        return None, f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return None, f"{type(error).__name__}: {error}"
