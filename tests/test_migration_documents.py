"""`docs/from-*.md`: the configurations that take the place of others are good ones."""

import pytest

from support.documents import blocks_of
from support.server import run_to_end


@pytest.mark.parametrize("page", ["docs/from-centrifugo.md", "docs/from-nchan.md"])
def test_the_configuration_is_accepted(tmp_path, page):
    [(_, text)] = blocks_of(page, "toml")
    file = tmp_path / "switchboard.toml"
    file.write_text(text)
    done = run_to_end("--config", str(file), "--check-config")
    assert done.returncode == 0, done.stderr
