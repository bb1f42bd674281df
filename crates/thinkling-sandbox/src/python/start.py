"""Runs once, before the snapshot: what every program finds already done."""

import gc
import os
import site
import sys
import types

# Imported here so that no program pays for it, and so that a snapshot holds it.
import abc, array, ast, bisect, cmath, collections, collections.abc, copy, dataclasses, datetime
import decimal, enum, fractions, functools, heapq, io, itertools, json, math, numbers, operator
import random, re, statistics, string, struct, textwrap, time, traceback, typing

# `exit` and `quit`, which programs use though they belong to interactive sessions.
site.setquit()

module = types.ModuleType("_thinkling")
sys.modules["_thinkling"] = module
exec(compile(sys.argv[1], "<thinkling>", "exec"), module.__dict__)
del module

gc.collect()
gc.freeze()
# By this number the host finds the interpreter's state.
sys.setrecursionlimit(123457)
sys.stdout.flush()
os._exit(0)
