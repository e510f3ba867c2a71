"""A small backend that has news, in the way that many have some: every request shows a token (ES256), and
what is new comes from a database.

GET /news/TOPIC answers with what is new since the `ETag` that the client shows in `If-None-Match`, or with 304.
With `?wait=SECONDS` it waits for news: a long poll. POST /news/TOPIC, with the key of the editors, adds some, and
publishes it to Switchboard where NEWS_SWITCHBOARD says where that is.

It does little for a request, as a fast backend would: a signature, a query by primary key, 1 KiB of JSON at most.
"""

import asyncio
import hmac
import logging
import os
import pathlib
import sqlite3
import weakref
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

PUBLIC_KEY = pathlib.Path(os.environ["NEWS_TOKEN_KEY"]).read_text()
EDITOR_KEY = os.environ["NEWS_EDITOR_KEY"]
SWITCHBOARD = os.environ.get("NEWS_SWITCHBOARD")
WAIT_MAX_S = 60.0
NEWS_MAX = 100
ID_DIGITS_MAX = 18

log = logging.getLogger("uvicorn.error")
database = sqlite3.connect(os.environ["NEWS_DATABASE"])
database.execute("CREATE TABLE IF NOT EXISTS news (topic TEXT, id INTEGER, text TEXT, PRIMARY KEY (topic, id))")
switchboard = httpx.AsyncClient(timeout=5)
# For each topic that a client waits for: set when the topic has news.
changes: weakref.WeakValueDictionary[str, asyncio.Event] = weakref.WeakValueDictionary()


class News(BaseModel):
    text: str = Field(max_length=1_000)


class Counted:
    """Counts the requests to the application."""

    def __init__(self, app):
        self.app = app
        self.requests = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] != "/requests":
            self.requests += 1
        await self.app(scope, receive, send)


api = FastAPI()
app = Counted(api)


# A coroutine, as all here: what is not would be handed to a thread, which costs more than it does.
async def reader(authorization: Annotated[str, Header()] = "") -> str:
    """The user whose token it is."""
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "), PUBLIC_KEY, algorithms=["ES256"], options={"require": ["exp", "sub"]}
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
    return claims["sub"]


async def editor(x_editor_key: Annotated[str, Header()] = "") -> None:
    if not hmac.compare_digest(x_editor_key.encode(), EDITOR_KEY.encode()):
        raise HTTPException(401, "the key of the editors is another one")


def newest(topic: str) -> int:
    return database.execute("SELECT coalesce(max(id), 0) FROM news WHERE topic = ?", (topic,)).fetchone()[0]


def since(topic: str, known: int) -> list[dict]:
    query = "SELECT id, text FROM news WHERE topic = ? AND id > ? ORDER BY id LIMIT ?"
    return [{"id": id_, "text": text} for id_, text in database.execute(query, (topic, known, NEWS_MAX))]


@api.get("/news/{topic}")
async def read(
    topic: str, user: Annotated[str, Depends(reader)], wait: float = 0, if_none_match: Annotated[str, Header()] = ""
) -> Response:
    shown = if_none_match.strip('"')
    # Who comes without a position begins now.
    known = int(shown) if shown.isdecimal() and len(shown) <= ID_DIGITS_MAX else newest(topic)
    changed = changes.setdefault(topic, asyncio.Event())
    found = since(topic, known)
    if not found and wait > 0:
        try:
            await asyncio.wait_for(changed.wait(), min(wait, WAIT_MAX_S))
        except TimeoutError:
            pass
        else:
            found = since(topic, known)
    if found:
        return JSONResponse({"news": found}, headers={"ETag": f'"{found[-1]["id"]}"'})
    return Response(status_code=304 if shown else 204, headers={"ETag": f'"{known}"'})


@api.post("/news/{topic}", status_code=201, dependencies=[Depends(editor)])
async def add(topic: str, news: News) -> dict:
    item = {"id": newest(topic) + 1, "text": news.text}
    with database:
        database.execute("INSERT INTO news VALUES (?, ?, ?)", (topic, item["id"], item["text"]))
    if changed := changes.pop(topic, None):
        changed.set()
    if SWITCHBOARD:
        try:
            answer = await switchboard.post(f"{SWITCHBOARD}/pub/{topic}", json=item)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            # It is in the database; who asks will find it.
            log.warning("not published: %s", error)
    return item


@api.get("/requests")
async def requests() -> int:
    """How many requests there were before; this one does not count."""
    return app.requests
