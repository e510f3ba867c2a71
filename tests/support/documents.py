"""The blocks of code in README and docs."""

import re

from .server import ROOT

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md",
     ROOT / "bench/peers/README.md", ROOT / "clients/js/README.md",
     ROOT / "examples/chat/README.md", *(ROOT / "docs").rglob("*.md")]
)  # fmt: skip
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks_of(page, language=None):
    """Language and text of each block of a page, or of those in one language."""
    found = CODE.findall((ROOT / page).read_text())
    return [(name, text) for name, text in found if language in (None, name)]
