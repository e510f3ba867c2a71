"""Runs the Autobahn test suite against `/echo` on all planes at once and judges every case.

The suite needs CPython 2.7. Where there is none, this says so and ends with 0; everywhere else all
cases must have run and none may have failed.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENVIRONMENT = ROOT / ".venv-autobahn"
OUT = ROOT / "tests/out/autobahn"

sys.path.insert(0, str(HERE.parent))
from support.server import Server  # noqa: E402

# 12 and 13 are about compression, which the server does not offer.
EXCLUDED = ["12.*", "13.*"]
CASES = 301
# The last virtualenv that makes environments for Python 2.7.
VIRTUALENV = "virtualenv==20.21.1"
PASSING = {"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"}
SUITE_TIMEOUT_S = 600


def find_python2():
    """A CPython 2.7: on the path, or among pyenv's versions."""
    candidates = []
    if pyenv := shutil.which("pyenv"):
        versions = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False)
        root = pathlib.Path(versions.stdout.strip() or "/nonexistent")
        candidates += sorted(root.glob("versions/2.7.*/bin/python2.7"), reverse=True)
    if found := shutil.which("python2.7"):
        candidates.append(found)
    for candidate in candidates:
        # A shim of pyenv is on the path even without a Python 2.7 behind it.
        check = subprocess.run([str(candidate), "-c", ""], capture_output=True, check=False)
        if check.returncode == 0:
            return str(candidate)
    return None


def run(*command, **options):
    """A step of the installation; its output matters only when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nautobahn: {command[0]} ended with {done.returncode}")


def install(python2):
    """Makes the environment of the suite, unless it is there and for the same requirements."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = ENVIRONMENT / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    with tempfile.TemporaryDirectory() as maker:
        run(sys.executable, "-m", "venv", maker)
        run(f"{maker}/bin/pip", "install", "--quiet", VIRTUALENV)
        run(f"{maker}/bin/virtualenv", "--quiet", "--python", python2, ENVIRONMENT)
    pip = [ENVIRONMENT / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    pins = ["--constraint", HERE / "requirements.txt"]
    # The setup script of Twisted imports it.
    run(*pip, *pins, "incremental")
    run(*pip, *pins, "--no-build-isolation", "autobahntestsuite")
    stamp.write_text(wanted)


def run_suite(url, folder):
    """Runs all cases against `url`; gives the report of each."""
    folder.mkdir(parents=True)
    specification = folder / "fuzzingclient.json"
    specification.write_text(
        json.dumps(
            {
                "outdir": str(folder / "report"),
                "servers": [{"agent": "switchboard", "url": url}],
                "cases": ["*"],
                "exclude-cases": EXCLUDED,
                "exclude-agent-cases": {},
            }
        )
    )
    with open(folder / "wstest.log", "wb") as log:
        subprocess.run(
            [str(ENVIRONMENT / "bin/wstest"), "-m", "fuzzingclient", "-s", str(specification)],
            # Twisted and the suite read both kinds of settings of Python 3 otherwise.
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=SUITE_TIMEOUT_S,
            check=True,
        )
    return json.loads((folder / "report/index.json").read_text())["switchboard"]


def run_plane(plane):
    """The report of each case against a server on this plane, and the seconds that they took."""
    folder = OUT / plane
    folder.mkdir(parents=True)
    started = time.monotonic()
    server = Server(folder, plane=plane, cores=1, echo=True)
    try:
        cases = run_suite(server.ws("/echo"), folder / "suite")
    except (subprocess.SubprocessError, OSError) as error:
        server.kill()
        sys.exit(f"autobahn: {plane}: {error}\n{server.output()}")
    server.stop()
    return cases, time.monotonic() - started


def judge(plane, cases):
    """Prints the counts and gives everything that is wrong."""
    wrong = []
    if len(cases) != CASES:
        wrong.append(f"{len(cases)} cases ran, not {CASES}")
    for what in ("behavior", "behaviorClose"):
        counts = collections.Counter(case[what] for case in cases.values())
        shown = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        print(f"  {plane} {what}: {shown}", flush=True)
    for name, case in sorted(cases.items(), key=lambda item: [int(n) for n in item[0].split(".")]):
        found = (case["behavior"], case["behaviorClose"])
        if not PASSING.issuperset(found):
            wrong.append(f"case {name}: {found[0]}, close {found[1]}")
        elif set(found) & {"NON-STRICT", "UNIMPLEMENTED"}:
            print(f"  {plane} case {name}: {found[0]}, close {found[1]}")
    return [f"{plane}: {sentence}" for sentence in wrong]


def main():
    python2 = find_python2()
    if python2 is None:
        print("autobahn: SKIPPED, the suite needs CPython 2.7 and there is none here")
        return
    install(python2)
    shutil.rmtree(OUT, ignore_errors=True)
    wrong = []
    planes = os.environ.get("SWITCHBOARD_TEST_PLANES", "epoll,io_uring").split(",")
    with concurrent.futures.ThreadPoolExecutor(len(planes)) as executor:
        for plane, (cases, took_s) in zip(planes, executor.map(run_plane, planes), strict=True):
            wrong += judge(plane, cases)
            print(f"  {plane}: {len(cases)} cases in {took_s:.0f} s", flush=True)
    if wrong:
        sys.exit("\n".join(wrong) + f"\nautobahn: failed; reports of each case are in {OUT}")
    print("autobahn: all cases passed")


if __name__ == "__main__":
    main()
