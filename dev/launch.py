"""Runs one command as a child that does not outlive its parent.

    python -I -S dev/launch.py PARENT SIGNAL USER -- COMMAND [ARGUMENT]...

PARENT is the process id of the parent; when that process (on Linux: the thread that started
us) dies, the kernel sends SIGNAL to the command. USER, when not "-", is the user to become
first; it keeps root's right to read and write any file, because the project may lie in a
folder that only root can enter. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
# Capabilities stay when the user changes, also in access(2), by which initdb looks for postgres.
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def _prctl(libc: ctypes.CDLL, *arguments: int) -> None:
    padded = (*arguments, 0, 0, 0, 0)[:5]
    if libc.prctl(*(ctypes.c_ulong(a) for a in padded)) != 0:
        raise OSError(ctypes.get_errno(), f"prctl{arguments} failed")


def _become(user: str, libc: ctypes.CDLL | None) -> None:
    entry = pwd.getpwnam(user)
    if libc is not None:
        _prctl(libc, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    if libc is not None:
        _keep_file_access(libc)


def _keep_file_access(libc: ctypes.CDLL) -> None:
    bit = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable of capabilities 0-31, then the same of 32-63
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")
    _prctl(libc, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def main(arguments: list[str]) -> None:
    """Becomes the command, or exits with 70 when the parent is gone already."""
    parent, signal, user, dashes, *command = arguments
    if dashes != "--" or not command:
        raise SystemExit("usage: launch.py PARENT SIGNAL USER -- COMMAND [ARGUMENT]...")
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if user != "-":
        _become(user, libc)
    if libc is not None:
        # After the change of user, which clears it.
        _prctl(libc, PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):
        raise SystemExit(70)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
