#!/usr/bin/env python3
"""Checks what cargo-deny would of licences, sources and versions, by the rules in deny.toml.

cargo-deny takes minutes to build, longer than the rest of the checks together may. This needs only
`cargo metadata`. It does not look for advisories, nor at several versions of one package, of which
deny.toml only warns.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def packages(targets):
    """Everything that a build for one of the targets takes."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--all-features"]
    found = {}
    for target in targets:
        done = subprocess.run(
            [*command, "--filter-platform", target], cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        metadata = json.loads(done.stdout)
        used = {node["id"] for node in metadata["resolve"]["nodes"]}
        found |= {package["id"]: package for package in metadata["packages"] if package["id"] in used}
    return found.values()


def allows(allowed, expression):
    """Whether the rules allow a licence expression: names, AND, OR, WITH and brackets."""
    words = re.findall(r"[()/]|[^\s()/]+", expression)

    def either():
        found = both()
        while words and words[0] in ("OR", "/"):  # the slash is the old way to write it
            words.pop(0)
            found = both() or found
        return found

    def both():
        found = one()
        while words and words[0] == "AND":
            words.pop(0)
            found = one() and found
        return found

    def one():
        name = words.pop(0)
        if name == "(":
            found = either()
            words.pop(0)
            return found
        while words and words[0] == "WITH":
            name += f" WITH {words[1]}"
            del words[:2]
        return name in allowed

    return either()


def complaints(package, allowed):
    """What is wrong with a package."""
    licence = package["license"]
    if not licence or not allows(allowed, licence):
        yield f"its licence is {licence}, see [licenses] in deny.toml"
    if package["source"] not in (None, CRATES_IO):
        yield f"it comes from {package['source']}"
    for dependency in package["dependencies"]:
        if dependency["req"] == "*" and "path" not in dependency:
            yield f"it takes any version of {dependency['name']}"


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    wrong = [
        f"{package['name']} {package['version']}: {complaint}"
        for package in packages(rules["graph"]["targets"])
        for complaint in complaints(package, allowed)
    ]
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
