"""Runs a command in a sandbox that forbids io_uring, as containers do.

    python seccomp.py kill|eperm COMMAND [ARGUMENT...]

`kill` ends the process at the first io_uring call, `eperm` lets each fail as Docker's profile does.
"""

import ctypes
import os
import pathlib
import sys

# The same numbers on all architectures: setup, enter, register.
FIRST, LAST = 425, 427

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
MODE_FILTER = 2
ALLOW = 0x7FFF0000
VERDICTS = {"kill": 0x80000000, "eperm": 0x00050000 | 1}

LOAD_WORD, JUMP_GREATER, JUMP_AT_LEAST, RETURN = 0x20, 0x25, 0x35, 0x06


class Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("then", ctypes.c_uint8),
        ("otherwise", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(Instruction))]


def forbid(verdict):
    """Forbids io_uring to this process and all that come from it."""
    code = [
        Instruction(LOAD_WORD, 0, 0, 0),  # the number of the call stands first
        Instruction(JUMP_AT_LEAST, 0, 2, FIRST),
        Instruction(JUMP_GREATER, 1, 0, LAST),
        Instruction(RETURN, 0, 0, verdict),
        Instruction(RETURN, 0, 0, ALLOW),
    ]
    instructions = (Instruction * len(code))(*code)
    program = Program(len(code), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def wrapper(verdict):
    """What to put before a command."""
    return [sys.executable, str(pathlib.Path(__file__).resolve()), verdict]


if __name__ == "__main__":
    forbid(VERDICTS[sys.argv[1]])
    os.execvp(sys.argv[2], sys.argv[2:])
