"""The tests of a program that runs in the other interpreter.

The program cannot reach this one: the tests' names, builtins and comparisons are theirs alone.
Whether a test passed is told to the host on descriptor 1, one line each: `P`, or `F`, the
stage and a message.
"""

import ast
import importlib

LIBRARY = [
    "bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions", "functools",
    "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string",
    "typing",
]


class Session:
    """The program, as the tests see it."""

    def __init__(self):
        self.line = Line()
        self.local = []
        self.gone = None
        self.raised = None
        self.calls = 0
        self.decode = decoder({"h": lambda number: Remote(self, number)})

    def keep(self, value):
        if isinstance(value, Remote):
            return {"h": object.__getattribute__(value, "_number")}
        if callable(value):
            self.local.append(value)
            return {"l": len(self.local) - 1}
        raise TypeError(f"the tests pass a {type(value).__name__} to the program, expected: a value")

    def receive(self):
        try:
            kind, *rest = self.decode(self.line.receive())
            if not isinstance(kind, str):
                raise Gone("an answer without a kind")
        except Gone as gone:
            self.gone = gone
            raise
        except Exception as error:
            # Not what the program's side sends by itself.
            self.gone = Gone(f"unreadable answer: {type(error).__name__}")
            raise self.gone from None
        return kind, rest

    def ask(self, *message):
        if self.gone:
            raise self.gone
        self.calls += message[0] != "name"
        self.line.send([message[0], *(encode(part, self.keep) for part in message[1:])])
        while True:
            kind, rest = self.receive()
            if kind == "value" and rest:
                return rest
            if kind == "raise" and len(rest) == 3:
                raise self.exception(*rest)
            if kind != "callback" or len(rest) != 2:
                self.gone = Gone("an answer of an unknown kind")
                raise self.gone
            number, args = rest
            try:
                result = self.local[number](*args)
            except Exception:
                self.gone = Gone("a function of the tests raised in the program")
                raise
            self.line.send(encode(result, self.keep))

    def exception(self, names, name, text):
        """The builtin exception that the program's one is, so that tests can expect it."""
        for known in names:
            kind = getattr(builtins, known, None)
            if isinstance(kind, type) and issubclass(kind, Exception):
                try:
                    error = kind(text)
                except TypeError:
                    continue
                self.raised = error, name
                return error
        self.gone = Gone(f"{name}: {text}")
        return self.gone


class Remote:
    """Something in the program that is no plain value.

    It has no equality, order, truth or hash: those would be the program's own word.
    """

    __slots__ = ("_session", "_number")

    def __init__(self, session, number):
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args, **keywords):
        result, *changed = ask(self, "call", list(args), keywords)
        for arg, now in zip(args, changed[0] if changed else ()):
            assign(arg, now)
        return result

    def __getattr__(self, name):
        return ask(self, "get", name)[0]

    def __setattr__(self, name, value):
        ask(self, "set", name, value)

    def __getitem__(self, key):
        return ask(self, "item", key)[0]

    def __setitem__(self, key, value):
        ask(self, "set_item", key, value)

    def __len__(self):
        return ask(self, "len")[0]

    def __contains__(self, key):
        return ask(self, "contains", key)[0]

    def __iter__(self):
        iterator, = ask(self, "iter")
        while found := ask(iterator, "next")[0]:
            yield found[0]

    def __next__(self):
        for value in ask(self, "next")[0]:
            return value
        raise StopIteration

    def __str__(self):
        return ask(self, "str")[0]

    def __repr__(self):
        return ask(self, "repr")[0]

    def refuse(self, *_):
        raise TypeError("an object of the program is compared, expected: a plain value")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = refuse
    __hash__ = refuse


def ask(remote, operation, *rest):
    session = object.__getattribute__(remote, "_session")
    return session.ask(operation, remote, *rest)


def assign(old, new):
    """Gives a container of the tests the contents that the program left in its copy."""
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        for index, (was, now) in enumerate(zip(old, new)):
            if type(was) is type(now) and isinstance(was, (list, dict, set)):
                assign(was, now)
            else:
                old[index] = now
        old[len(new):] = new[len(old):]
    elif isinstance(old, (dict, set)):
        old.clear()
        old.update(new)
    elif isinstance(old, bytearray):
        old[:] = new


def judge():
    setup, entry_point, *asserts = [read_frame().decode() for _ in range(int(read_frame()))]
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = io.StringIO()
    session = Session()
    try:
        trees = [ast.parse(setup, "<setup>"), *(ast.parse(text, "<test>") for text in asserts)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        end("S", f"{type(error).__name__}: {error}")
    names = started(session)
    space = {"__name__": "tests", "__builtins__": builtins}
    space |= imported(trees, names, entry_point)
    for name in remote_names(trees, names, entry_point):
        space[name], = session.ask("name", name)
    try:
        exec(compile(trees[0], "<setup>", "exec"), space)
    except BaseException as error:
        # Tests whose setup calls the program, or misses a name of it, fail with it; others are
        # themselves at fault.
        if session.calls or isinstance(error, NameError):
            end("A", *fault(session, error))
        end("S", f"{type(error).__name__}: {error}")
    for text, tree in zip(asserts, trees[1:]):
        run_test(session, text, tree, space)
    os._exit(0)


def started(session):
    """The names that the program defines, once it has run."""
    try:
        kind, rest = session.receive()
    except Gone as gone:
        end("A", "gone", f"the program ended before the tests: {gone}")
    if kind == "compile":
        end("A", "compile", str(rest[0]))
    if kind == "raise":
        stage = "memory" if "MemoryError" in rest[0] else "run"
        end("A", stage, f"{rest[1]}: {rest[2]}")
    if kind != "ready":
        end("A", "run", "the program ended before the tests")
    return set(rest[0])


def run_test(session, text, tree, space):
    session.raised = None
    try:
        exec(compile(tree, "<test>", "exec"), space)
    except BaseException as error:
        stage, message = fault(session, error)
        tell("F", stage, f"{message} in `{text.strip()[:200]}`")
        return
    # Tests may catch what they do not name; a program that has ended passes nothing.
    if session.gone:
        tell("F", "gone", str(session.gone))
    else:
        tell("P")


def fault(session, error):
    """The stage and the words for an exception that ended a test."""
    if session.gone:
        return "gone", str(session.gone)
    if session.raised and error is session.raised[0]:
        stage = "memory" if isinstance(error, MemoryError) else "run"
        return stage, f"{session.raised[1]}: {error}"
    if isinstance(error, AssertionError):
        return "wrong_output", "AssertionError"
    if isinstance(error, NameError):
        return "run", f"NameError: {error}"
    return "wrong_output", f"{type(error).__name__}: {str(error)[:200]}"


def tell(*parts):
    line = " ".join(parts).replace("\n", " ").replace("\r", " ")
    write_all(1, line.encode(errors="replace") + b"\n")


def end(*parts):
    tell(*parts)
    os._exit(0)


def used_names(trees):
    """Names that the tests read, and those that they bind, anywhere."""
    read, bound, bases = set(), set(), set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.arg(arg=name):
                bound.add(name)
            case ast.alias(name=name, asname=alias):
                bound.add(alias or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
        match node:
            case ast.Attribute(value=ast.Name(id=name)):
                bases.add(name)
    return read - bound, bases


def imported(trees, names, entry_point):
    """Modules of the library that the tests use without an import, `math.pi`; and the names of
    the library that they use beside the program's own."""
    read, bases = used_names(trees)
    remote = remote_names(trees, names, entry_point)
    found = {}
    for name in (read & bases) - remote:
        if name in sys.stdlib_module_names and not name.startswith("_"):
            try:
                found[name] = importlib.import_module(name)
            except ImportError:
                pass
    for name in read - remote - found.keys():
        if name in names and name in library_names() and not hasattr(builtins, name):
            found[name] = library_names()[name]
    return found


def library_names():
    if not LIBRARY_NAMES:
        for module in map(importlib.import_module, LIBRARY):
            public = getattr(module, "__all__", None) or [n for n in dir(module) if n[0] != "_"]
            LIBRARY_NAMES.update((name, getattr(module, name)) for name in public)
    return LIBRARY_NAMES


LIBRARY_NAMES = {}
library_names()


def remote_names(trees, names, entry_point):
    """The names that mean the program's.

    Those that nobody else defines do. A name that the library or Python defines as well means
    the program's only where the tests name the function so, or use no other name of the program:
    else a program could replace `abs` or `sorted` in the tests of another function.
    """
    read, bases = used_names(trees)
    read &= names
    modules = {name for name in read & bases if name in sys.stdlib_module_names}
    standard = {name for name in read if hasattr(builtins, name)}
    library = {name for name in read if name in library_names()} - standard
    own = read - modules - standard - library
    asked = {entry_point} & names
    for tier in (own, library, standard):
        if tier or asked:
            return (tier | asked) if tier is own or len(tier) == 1 else asked
    return asked
