"""What the description cannot say, for schemathesis."""

import json

import schemathesis

LABEL_BYTES_MAX = 255


def texts(value):
    """All texts in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


@schemathesis.hook
def filter_case(context, case):
    """Leaves out what only looks good: OpenAPI counts characters where the server counts bytes, and Python sends
    headers in Latin-1 where the server wants UTF-8."""
    if case.method == "QUERY":
        # A method that the server does not know is 501 (RFC 9110 section 9.1), not 405.
        return False
    if any(not str(value).isascii() for value in dict(case.headers or {}).values()):
        return False
    found = [*texts(dict(case.path_parameters or {})), *texts(dict(case.headers or {})), *texts(case.body)]
    return not any(len(it) <= LABEL_BYTES_MAX < len(it.encode(errors="replace")) for it in found)


@schemathesis.serializer("application/x-ndjson")
def write_lines(context, value):
    return (value if isinstance(value, str) else json.dumps(value)).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Errors of Centrifugo's API have a status of their own, so that what is bad is seen to be refused."""
    is_bad = case.meta is not None and case.meta.generation.mode.is_negative
    if is_bad and case.operation.path.startswith("/api/"):
        case.headers["X-Centrifugo-Error-Mode"] = "transport"
    if case.operation.path.startswith("/pub/"):
        # The other form is text, which has no schema.
        case.headers["Accept"] = "application/json"
