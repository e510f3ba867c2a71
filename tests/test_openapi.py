"""`GET /openapi.json`: it says what `docs/internal-api.md` says, and what the server does."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from support.server import ROOT
from test_internal_api_document import rows

KEY = "correct-horse-battery-staple"
CALLS_OF_CENTRIFUGO = "/api/{method}"
METHODS = {"get", "post", "put", "delete"}
HOOKS = pathlib.Path(__file__).parent / "support/schemathesis_hooks.py"
CONFIG = pathlib.Path(__file__).parent / "support/schemathesis.toml"

# A run is reproduced by this number.
SEED = 20_261_127


@pytest.fixture(scope="module")
def keyed(start_shared, plane, namespaces):
    # Every channel may be listed, so that what there is to list can be looked at.
    config = namespaces("[namespace.default]\npresence_list = true\n")
    return start_shared(plane, config=config, api_key=KEY)


@pytest.fixture(scope="module")
def description(keyed):
    status, _, body = keyed.request("GET", "/openapi.json", headers={"X-API-Key": KEY})
    assert status == 200
    return json.loads(body)


def test_the_routes_of_the_document_are_described(description):
    described = {}
    for path, item in description["paths"].items():
        route = re.sub(r"^/api/\w+$", CALLS_OF_CENTRIFUGO, path)
        described.setdefault(route, set()).update(method.upper() for method in item if method in METHODS)
    documented = {}
    for path, methods, _ in rows("Routes"):
        documented.setdefault(path.strip("`"), set()).update(methods.split(", "))
    assert described == documented


def resolved(description, response):
    """A response, which may stand among those with a name."""
    if "$ref" in response:
        return description["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def test_every_error_code_of_the_document_is_described(description):
    documented = {
        code: {int(status) for status in row[0].split(", ")}
        for row in rows("Errors")
        for code in re.findall(r"`([a-z_0-9]+)`", row[1])
    }
    refusal = description["components"]["schemas"]["Refusal"]
    assert set(refusal["properties"]["code"]["enum"]) == set(documented)

    # What some operation may be answered with, and what there is where no operation is.
    described = {}
    answers = [
        (status, resolved(description, response))
        for item in description["paths"].values()
        for operation in item.values()
        for status, response in operation["responses"].items()
    ]
    answers += [
        (name.removeprefix("Refused"), response)
        for name, response in description["components"]["responses"].items()
    ]
    for status, response in answers:
        examples = response.get("content", {}).get("application/json", {}).get("examples", {})
        for code in examples:
            described.setdefault(code, set()).add(int(status))
    # These stand in the lines of results, and this is for methods that OpenAPI has no place for.
    only_in_lines = {"bad_line", "bad_base64", "bad_frame", "bad_text", "not_tried"}
    expected = {code: statuses for code, statuses in documented.items() if code not in only_in_lines}
    del expected["unknown_method"]
    assert described == expected


def test_the_description_needs_the_key(keyed):
    assert keyed.request("GET", "/openapi.json")[0] == 401


def test_schemathesis_finds_nothing_that_is_not_described(keyed, tmp_path):
    """Requests made from the description, good ones and bad ones: the answers are as it says."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
            keyed.internal("/openapi.json"), "--seed", str(SEED), "--no-color",
        ],
        cwd=tmp_path,
        env={**environment, "SCHEMATHESIS_HOOKS": str(HOOKS), "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-12_000:]
    assert (ROOT / "tests/support/schemathesis.toml").exists()
