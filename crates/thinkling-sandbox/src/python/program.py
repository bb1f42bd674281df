"""A program whose functions are called from the other interpreter, where the tests are.

Messages are lists: `["call", target, arguments, keywords]` and the like come in, `["value", ..]`,
`["raise", ..]` and `["callback", ..]` go out.
"""

import io


def program():
    source = read_frame()
    line, kept = Line(), []

    def keep(value):
        kept.append(value)
        return {"h": len(kept) - 1}

    def callback(number):
        def call(*args):
            line.send(["callback", number, [encode(arg, keep) for arg in args]])
            return decode(line.receive())

        return call

    decode = decoder({"h": kept.__getitem__, "l": callback})
    # The descriptor of standard error carries the messages, that of standard input too.
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO())
    sys.stderr = sys.__stderr__ = sys.stdout

    code, fault = compiled(source, "<program>")
    if fault:
        line.send(["compile", fault])
        os._exit(COMPILE_FAILED)
    module = types.ModuleType("program")
    sys.modules["program"] = module
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        line.send(raised(error))
        os._exit(1)
    line.send(["ready", [name for name in module.__dict__ if isinstance(name, str)]])

    while True:
        try:
            operation, *rest = decode(line.receive())
        except Gone:
            os._exit(0)
        try:
            answer = OPERATIONS[operation](module, keep, *rest)
        except BaseException as error:
            answer = raised(error)
        line.send(answer)


def raised(error):
    """The names of an exception's classes, and its text."""
    names = [c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins"]
    try:
        text = str(error)[:300]
    except BaseException:
        text = ""
    return ["raise", names, type(error).__name__, text]


def value_of(keep, value):
    return ["value", encode(value, keep)]


def call(module, keep, target, args, keywords):
    before = [encode(arg, keep) for arg in args if isinstance(arg, (list, dict, set, bytearray))]
    result = target(*args, **keywords)
    answer = value_of(keep, result)
    if result is None and before:
        # A function that gives nothing works on its arguments: they go back.
        answer.append([encode(arg, keep) for arg in args])
    return answer


def following(module, keep, iterator):
    for value in iterator:
        return ["value", [encode(value, keep)]]
    return ["value", []]


def set_attribute(module, keep, target, name, value):
    setattr(target, name, value)
    return ["value", None]


def set_item(module, keep, target, key, value):
    target[key] = value
    return ["value", None]


OPERATIONS = {
    "name": lambda module, keep, name: value_of(keep, module.__dict__[name]),
    "call": call,
    "get": lambda module, keep, target, name: value_of(keep, getattr(target, name)),
    "set": set_attribute,
    "item": lambda module, keep, target, key: value_of(keep, target[key]),
    "set_item": set_item,
    "iter": lambda module, keep, target: ["value", keep(iter(target))],
    "next": following,
    "len": lambda module, keep, target: ["value", len(target)],
    "contains": lambda module, keep, target, key: ["value", bool(key in target)],
    "str": lambda module, keep, target: ["value", str(target)],
    "repr": lambda module, keep, target: ["value", repr(target)],
}
