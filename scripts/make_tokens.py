#!/usr/bin/env python3
"""Makes tokens for the load tool: make_tokens.py N FOLDER [--seconds S] [--prefix NAME]

FOLDER/tokens.txt has a token a line, of the users NAME-0, NAME-1, ..., and FOLDER/token_key.pem is the
public key of the pair that signed them (ES256), made for this run and kept nowhere:

    switchboard --token-key FOLDER/token_key.pem
    switchboard-load idle --tokens FOLDER/tokens.txt

Needs PyJWT[crypto], which tests/requirements.txt has.
"""

import argparse
import os
import pathlib
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKENS_MAX = 4_000_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("folder", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--seconds", type=int, default=3600, help="until they end; 3600")
    parser.add_argument("--prefix", default="user", help="of the users' names; user")
    options = parser.parse_args()
    if not 1 <= options.count <= TOKENS_MAX:
        parser.error(f"N is 1 to {TOKENS_MAX:,}")
    if options.seconds < 1:
        parser.error("--seconds is 1 or more")
    return options


def write(count: int, folder: pathlib.Path, seconds: int, prefix: str) -> None:
    """Writes the tokens and the public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token_key.pem").write_bytes(public)
    ends = int(time.time()) + seconds
    # They are good for whoever has them, and only their owner reads them.
    descriptor = os.open(folder / "tokens.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as out:
        for number in range(count):
            out.write(jwt.encode({"sub": f"{prefix}-{number}", "exp": ends}, key, algorithm="ES256") + "\n")


def main() -> None:
    options = arguments()
    write(options.count, options.folder, options.seconds, options.prefix)


if __name__ == "__main__":
    main()
