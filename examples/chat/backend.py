"""The backend of the chat: it knows who is who, decides what is said, and tells the room who is in it."""

import hashlib
import hmac
import json
import os
import pathlib
import time
from typing import Annotated

import httpx
import jwt
from fastapi import Cookie, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, Field

HERE = pathlib.Path(__file__).parent
CLIENT = HERE.parents[1] / "clients/js/switchboard.js"
PUBLIC = os.environ.get("CHAT_PUBLIC_URL", "http://localhost:8000")  # where pages find Switchboard
INTERNAL = os.environ.get("CHAT_INTERNAL_URL", "http://127.0.0.1:8001")  # where this backend does
TOKEN_SECRET = os.environ.get("CHAT_TOKEN_SECRET", "change this to 32 random bytes or more")
HOOK_SECRET = os.environ.get("CHAT_HOOK_SECRET", "change-this-secret")
SESSION_SECRET = os.environ.get("CHAT_SESSION_SECRET", "change this to 32 other random bytes")
TOKEN_S = 600
ROOM, PEOPLE = "chat:lobby", "people:lobby"

app = FastAPI()
switchboard = httpx.AsyncClient(base_url=INTERNAL, trust_env=False)


class Login(BaseModel):
    name: str = Field(pattern=r"^\s*\S.*$", max_length=30)


class Said(BaseModel):
    text: str = Field(pattern=r"^\s*\S", max_length=1_000)


# What the page asks.


@app.get("/")
def page():
    return FileResponse(HERE / "index.html")


@app.get("/switchboard.js")
def client():
    return FileResponse(CLIENT, media_type="text/javascript")


@app.post("/login")
def login(login: Login, response: Response):
    """Everybody is who they say they are. Put your own login here."""
    session = jwt.encode({"name": login.name.strip()}, SESSION_SECRET, algorithm="HS256")
    response.set_cookie("session", session, httponly=True, samesite="lax")


@app.post("/logout")
def logout(response: Response):
    response.delete_cookie("session")


def user(session: Annotated[str, Cookie()] = "") -> str:
    """Who asks."""
    try:
        return jwt.decode(session, SESSION_SECRET, algorithms=["HS256"])["name"]
    except jwt.InvalidTokenError:
        raise HTTPException(401, "log in first") from None


User = Annotated[str, Depends(user)]


@app.get("/session")
def session(user: User):
    return {"user": user, "server": PUBLIC, "room": ROOM, "people": PEOPLE}


@app.get("/token", response_class=PlainTextResponse)
def token(user: User):
    """What the page shows to Switchboard."""
    claims = {"sub": user, "exp": int(time.time()) + TOKEN_S}
    return jwt.encode(claims, TOKEN_SECRET, algorithm="HS256")


@app.post("/say")
async def say(said: Said, user: User):
    """For pages whose network blocks WebSockets."""
    await publish(ROOM, message(user, said))


# What Switchboard asks and tells.


async def signed(request: Request) -> dict:
    """The question, if Switchboard has signed it within the last minutes."""
    body = await request.body()
    header = request.headers.get("switchboard-signature", "")
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    when = parts.get("t", "0")
    expected = hmac.new(HOOK_SECRET.encode(), when.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, parts.get("v1", "")) or abs(time.time() - int(when)) > 300:
        raise HTTPException(403, "not signed by Switchboard")
    return json.loads(body)


Signed = Annotated[dict, Depends(signed)]


@app.post("/switchboard/publish")
def decide(asked: Signed):
    try:
        said = Said.model_validate(asked.get("data"))
    except ValueError:
        return {"error": {"code": 400, "message": "say something, in no more than 1,000 characters"}}
    return {"result": {"data": message(asked["user"], said)}}


@app.post("/switchboard/events")
async def events(told: Signed):
    """Somebody has come or gone. Who is there now, Switchboard knows best."""
    if any(event.get("channel") == ROOM for event in told["events"]):
        answer = await switchboard.get(f"/subscribers/{ROOM}", params={"limit": 1_000})
        answer.raise_for_status()
        listeners = answer.json()["list"]
        await publish(PEOPLE, sorted({listener["user"] for listener in listeners if listener.get("user")}))


# What both have in common.


def message(user, said):
    return {"from": user, "text": said.text.strip(), "time": int(time.time() * 1_000)}


async def publish(channel, data):
    answer = await switchboard.post(f"/pub/{channel}", json=data)
    answer.raise_for_status()
