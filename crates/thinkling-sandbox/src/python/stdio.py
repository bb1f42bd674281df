"""A program that reads and writes: run as a script, then ended as Python ends one."""

import atexit
import sys
import traceback
import types


def stdio():
    code, fault = compiled(read_frame(), "<program>")
    if fault:
        write_all(2, fault.encode(errors="replace"))
        os._exit(COMPILE_FAILED)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    status = 1
    try:
        exec(code, main.__dict__)
        status = 0
    except SystemExit as end:
        status = exit_status(end.code)
    except BaseException as error:
        traceback.print_exception(error, limit=-8)
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        traceback.print_exception(error, limit=-8)
        status = status or 1
    os._exit(status)


def exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1
