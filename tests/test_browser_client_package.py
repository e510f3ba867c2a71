"""The browser client as npm and TypeScript see it, and in Node."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from support.server import ROOT
from support.waiting import wait_until

CLIENT = ROOT / "clients/js"
NODE = pathlib.Path(__file__).parent / "node"
TSC = NODE / "node_modules/.bin/tsc"


def run(*command, cwd):
    environment = {**os.environ, "PATH": f"{TSC.parent}:{os.environ['PATH']}", "npm_config_update_notifier": "false"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path):
    """The package as npm would publish it, unpacked where programs look for it."""
    shutil.copytree(ROOT / "clients", tmp_path / "clients", ignore=shutil.ignore_patterns("node_modules"))
    for licence in ("LICENSE-APACHE", "LICENSE-MIT"):
        shutil.copy(ROOT / licence, tmp_path)
    (packed,) = json.loads(run("npm", "pack", "--json", "--loglevel=error", cwd=tmp_path / "clients/js"))
    folder = tmp_path / "node_modules" / packed["name"]
    folder.mkdir(parents=True)
    run("tar", "xzf", tmp_path / "clients/js" / packed["filename"], "--strip-components=1", cwd=folder)
    return folder


def test_its_types_hold():
    run(TSC, "-p", CLIENT, "--noEmit", "--emitDeclarationOnly", "false", cwd=CLIENT)


def test_the_package_has_what_it_names(package):
    files = {str(file.relative_to(package)) for file in package.rglob("*")}
    assert files == {
        "LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json", "switchboard.d.ts", "switchboard.js"
    }  # fmt: skip
    described = json.loads((package / "package.json").read_text())
    assert "dependencies" not in described and described["type"] == "module" and described["license"]
    entry = described["exports"]["."]
    assert all((package / file).is_file() for file in (*entry.values(), described["types"]))


def test_a_page_in_typescript(package):
    folder = package.parents[1]
    shutil.copy(NODE / "uses_switchboard.ts", folder)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext"]
    run(TSC, *options, "uses_switchboard.ts", cwd=folder)


@pytest.mark.parametrize("library, way", [("ws", "websocket"), ("none", "stream")])
def test_in_node(start, plane, library, way):
    """It runs where `fetch` is, takes the WebSocket that there is, and leaves nothing that keeps Node running."""
    server = start(plane)
    command = ["node", "switchboard.mjs", server.url(""), "news", library]
    with subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = (json.loads(line) for line in process.stdout)
            assert next(line for line in lines if line.get("state") == "open")["way"] == way
            server.publish_all("news", ["grüße", "end", "too late"])
            assert [next(lines) for _ in range(3)] == [
                {"message": "grüße"}, {"message": "end"}, {"state": "closed", "way": way}
            ]  # fmt: skip
            wait_until("it ends", lambda: process.poll() is not None)
            assert process.returncode == 0
        finally:
            process.kill()
