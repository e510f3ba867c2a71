"""What a reader must know about a comparison before reading its figures."""

import datetime
import os
import pathlib
import resource
import shlex
import subprocess
import sys
from typing import Any

from . import network
from .run import Cores
from .servers import ROOT


def context(rounds: int, seed: int, cores: Cores) -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "command": shlex.join(["scripts/compare.sh", *without_out(sys.argv[1:])]),
        "rounds": rounds,
        "seed": seed,
        "server_core": cores.server,
        "load_core": cores.load,
        # Of the last minute: whether other programs were busy when it began.
        "load_average": os.getloadavg()[0],
        "netdev_max_backlog": network.backlog_max(),
        "machine": machine(),
    }


def without_out(arguments: list[str]) -> list[str]:
    """The command line without the folder of the results, which says nothing about them."""
    kept, following = [], False
    for argument in arguments:
        if not following and argument != "--out" and not argument.startswith("--out="):
            kept.append(argument)
        following = argument == "--out"
    return kept


def machine() -> dict[str, Any]:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    pairs = (line.split(":", 1) for line in cpuinfo.splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in pairs}
    return {
        "kernel": os.uname().release,
        "cpu_model": fields.get("model name", os.uname().machine),
        "cpus": os.cpu_count(),
        "virtualised": "hypervisor" in fields.get("flags", "").split(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "descriptors_max": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    }


def commit() -> str:
    """The commit, and whether anything but the documentation differs from it."""

    def git(*command: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=True).stdout

    try:
        head = git("rev-parse", "--short=10", "HEAD").strip()
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head} with changes" if changed else head
