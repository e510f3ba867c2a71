"""docs/promises.md: each promise has a number and tests that exist."""

import functools
import re

import pytest

from support.server import ROOT

PAGE = (ROOT / "docs" / "promises.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


@functools.cache
def defined() -> set[str]:
    python = [(ROOT / "tests").glob("*.py"), r"^def (test_\w+)"]
    rust = [(path for folder in ("crates", "fuzz/properties") for path in (ROOT / folder).rglob("*.rs")),
            r"#\[(?:tokio::)?test\]\n(?:\s*#\[.*\]\n)*\s*(?:async )?fn (\w+)"]  # fmt: skip
    return {name for files, pattern in (python, rust) for path in files
            for name in re.findall(pattern, path.read_text(), re.MULTILINE)}  # fmt: skip


def test_promises_are_numbered():
    assert [int(number) for number, _, _ in ROWS] == list(range(1, len(ROWS) + 1)) and len(ROWS) >= 40


@pytest.mark.parametrize(("number", "promise", "tests"), ROWS, ids=lambda cell: cell if cell.isdigit() else "")
def test_each_promise_is_held_by_tests_that_exist(number, promise, tests):
    names = re.findall(r"`(\w+)`", tests)
    assert names, f"promise {number} has no test"
    assert promise.endswith((".", ")")), promise
    missing = set(names) - defined()
    assert not missing, f"promise {number}: there is no {missing}"
