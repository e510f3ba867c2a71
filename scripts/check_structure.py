#!/usr/bin/env python3
"""Fails when files of a crate import each other in a circle.

usage: scripts/check_structure.py [CRATE...]

CRATE is a folder, or the name of one in crates/, bench/ or fuzz/; all of them when none is named. What a
file takes from another is read from its paths: `use` declarations, and paths in the code that begin
with `crate`, `super`, `self` or a module. A name that is only passed on (`pub use`) counts for the
file that defines it, not for the one that passes it on. Code under `#[cfg(test)]` does not count.
"""

import dataclasses
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["crates", "bench", "fuzz"]
IDENT = r"[A-Za-z_]\w*"
SKIPPED = re.compile(
    r"//[^\n]*|/\*.*?\*/"
    r'|b?r(?P<hashes>#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"'
    r"|b?'(?:\\u\{\w+\}|\\.|[^\\'])'",
    re.DOTALL,
)
TEST_ATTRIBUTE = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*")
MOD = re.compile(rf"\bmod\s+({IDENT})\s*;")
USE = re.compile(r"(?P<visibility>\bpub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
PATH = re.compile(rf"(?<![\w:]){IDENT}(?:::{IDENT})+")
RAW = re.compile(r"\br#(?=[A-Za-z_])")


@dataclasses.dataclass
class Import:
    """A name that a `use` declaration brings into a module."""

    path: list[str]
    line: int
    is_public: bool


@dataclasses.dataclass
class Module:
    """A module that has a file of its own."""

    file: pathlib.Path
    parent: "Module | None"
    children: dict[str, "Module"] = dataclasses.field(default_factory=dict)
    imports: dict[str, Import] = dataclasses.field(default_factory=dict)
    globs: list[Import] = dataclasses.field(default_factory=list)
    # What is left without comments, texts, tests, `mod` and `use` declarations, in the same lines.
    code: str = ""

    def root(self) -> "Module":
        return self.parent.root() if self.parent else self

    def all(self) -> list["Module"]:
        return [self] + [module for child in self.children.values() for module in child.all()]


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def line_of(code: str, at: int) -> int:
    return code.count("\n", 0, at) + 1


def item_end(code: str, at: int) -> int:
    """Where the item that begins here ends: at its `;`, or at the brace that closes its body."""
    depth = 0
    for end in range(at, len(code)):
        if code[end] in "([{":
            depth += 1
        elif code[end] in ")]}":
            depth -= 1
            if depth == 0 and code[end] == "}":
                return end + 1
        elif code[end] == ";" and depth == 0:
            return end + 1
    return len(code)


def without_tests(code: str) -> str:
    while found := TEST_ATTRIBUTE.search(code):
        end = item_end(code, found.end())
        code = code[: found.start()] + blank(code[found.start() : end]) + code[end:]
    return code


def leaves(tree: str) -> list[tuple[list[str], str]]:
    """The paths of a `use` tree, each with the name that it is given."""
    tree = tree.strip()
    if "{" not in tree:
        path, _, alias = tree.partition(" as ")
        segments = [segment.strip() for segment in path.split("::") if segment.strip()]
        named = segments[:-1] if len(segments) > 1 and segments[-1] == "self" else segments
        return [(named, alias.strip() or named[-1])] if named else []
    head, body = tree.split("{", 1)
    prefix = [segment.strip() for segment in head.split("::") if segment.strip()]
    found, depth, start = [], 0, 0
    body = body[: body.rindex("}")] + ","
    for at, char in enumerate(body):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            part = body[start:at].strip()
            if part == "self":
                found.append((prefix, prefix[-1]))
            elif part:
                found += [(prefix + path, name) for path, name in leaves(part)]
            start = at + 1
    return found


def read(file: pathlib.Path, parent: Module | None, folder: pathlib.Path) -> Module:
    """Reads a file and the modules that it declares; their files are in `folder`."""
    module = Module(file, parent)
    text = RAW.sub("", file.read_text())
    code = without_tests(SKIPPED.sub(lambda found: blank(found[0]), text))
    for name in MOD.findall(code):
        for child in (folder / f"{name}.rs", folder / name / "mod.rs"):
            if child.is_file():
                module.children[name] = read(child, module, folder / name)
    for found in USE.finditer(code):
        is_public = found["visibility"] is not None
        for path, name in leaves(found["tree"]):
            entry = Import(path, line_of(code, found.start("tree")), is_public)
            if name == "*":
                module.globs.append(entry)
            elif name == "_":
                module.imports[f"_{len(module.imports)}"] = entry
            else:
                module.imports[name] = entry
    for declaration in (MOD, USE):
        code = declaration.sub(lambda found: blank(found[0]), code)
    module.code = code
    return module


def defines(module: Module, name: str) -> bool:
    kinds = r"struct|enum|union|trait|type|fn|const|static|macro_rules!"
    return re.search(rf"\b(?:{kinds})\s+(?:mut\s+)?{name}\b", module.code) is not None


def find(module: Module, path: list[str], seen: frozenset = frozenset()) -> Module | None:
    """The module whose file defines what a path in this module names; none when it is not ours."""
    first, rest = path[0], path[1:]
    if first == "crate":
        return walk(module.root(), rest, seen)
    if first == "self":
        return walk(module, rest, seen)
    if first == "super":
        return walk(module.parent, rest, seen) if module.parent else None
    if first in module.children or first in module.imports:
        return walk(module, path, seen)
    return None


def walk(module: Module, path: list[str], seen: frozenset) -> Module | None:
    """What a path names that begins in this module."""
    if not path or path[0] == "*":
        return module
    first, rest = path[0], path[1:]
    if first == "super":
        return walk(module.parent, rest, seen) if module.parent else None
    if first in module.children:
        return walk(module.children[first], rest, seen)
    if (id(module), first) in seen:
        return module
    seen |= {(id(module), first)}
    if (entry := module.imports.get(first)) and entry.path != [first]:
        return find(module, entry.path + rest, seen)
    if not defines(module, first):
        for glob in module.globs:
            target = find(module, glob.path[:-1], seen) if glob.is_public else None
            if target and target is not module and defines(target, first):
                return target
    return module


@dataclasses.dataclass
class Tie:
    """Why one file needs another."""

    line: int
    path: str


def ties_of(module: Module) -> dict[pathlib.Path, list[Tie]]:
    """The files that a file takes something from."""
    ties: dict[pathlib.Path, list[Tie]] = {}

    def add(path: list[str], line: int) -> None:
        target = find(module, path)
        if target and target is not module:
            ties.setdefault(target.file, []).append(Tie(line, "::".join(path)))

    for name, entry in module.imports.items():
        is_used = re.search(rf"\b{name}\b", module.code) is not None
        if is_used or not entry.is_public:
            add(entry.path, entry.line)
    for entry in module.globs:
        if not entry.is_public:
            add(entry.path, entry.line)
    for found in PATH.finditer(module.code):
        add(found[0].split("::"), line_of(module.code, found.start()))
    return ties


def circles(graph: dict[pathlib.Path, set[pathlib.Path]]) -> list[list[pathlib.Path]]:
    """The groups of files of which each reaches each other."""

    def reached(start: pathlib.Path) -> set[pathlib.Path]:
        found, open_ends = set(), [start]
        while open_ends:
            for file in graph.get(open_ends.pop(), ()):
                if file not in found:
                    found.add(file)
                    open_ends.append(file)
        return found

    reach = {file: reached(file) for file in graph}
    groups = {
        frozenset(other for other in reach[file] if file in reach.get(other, ()))
        for file in graph
        if file in reach[file]
    }
    return sorted(sorted(group) for group in groups)


def roots(crate: pathlib.Path) -> list[pathlib.Path]:
    src = crate / "src"
    found = [src / "lib.rs", src / "main.rs", *src.glob("bin/*.rs"), *src.glob("bin/*/main.rs")]
    return [root for root in found if root.is_file()]


def check(crate: pathlib.Path) -> list[str]:
    """What is wrong with a crate, in lines for people."""
    lines = []
    for root in roots(crate):
        modules = read(root, None, root.parent).all()
        ties = {module.file: ties_of(module) for module in modules}
        for group in circles({file: set(targets) for file, targets in ties.items()}):
            lines.append(f"a circle of {len(group)} files: {', '.join(map(shown, group))}")
            for file in group:
                for target in sorted(set(ties[file]) & set(group)):
                    for tie in ties[file][target]:
                        lines.append(f"  {shown(file)}:{tie.line}: {tie.path} -> {shown(target)}")
    return lines


def shown(file: pathlib.Path) -> str:
    return str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)


def crate_named(name: str) -> pathlib.Path:
    places = [pathlib.Path(name), *(ROOT / folder / name for folder in FOLDERS)]
    for place in places:
        if roots(place):
            return place.resolve()
    raise SystemExit(f"check_structure.py: there is no crate {name}")


def main() -> None:
    names = sys.argv[1:]
    if any(name.startswith("-") for name in names):
        raise SystemExit(__doc__)
    everything = [crate for folder in FOLDERS for crate in ROOT.glob(f"{folder}/*")]
    crates = [crate_named(name) for name in names] or [c for c in sorted(everything) if roots(c)]
    lines = [line for crate in crates for line in check(crate)]
    if lines:
        raise SystemExit("\n".join(lines))
    print(f"no circles in {', '.join(crate.name for crate in crates)}")


if __name__ == "__main__":
    main()
