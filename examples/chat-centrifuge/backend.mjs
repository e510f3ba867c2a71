// The backend of the chat: it knows who is logged in, and says so to Switchboard in tokens. What is said and
// who is there are between the pages and Switchboard.

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const { env } = process;
const PORT = Number(env.CHAT_PORT ?? 9000);
const SWITCHBOARD = env.CHAT_SWITCHBOARD ?? "ws://localhost:8000/connection/websocket";
const TOKEN_SECRET = env.CHAT_TOKEN_SECRET ?? "change this to 32 random bytes or more";
const SESSION_SECRET = env.CHAT_SESSION_SECRET ?? "change this one as well";
const TOKEN_S = 300;
const BODY_BYTES_MAX = 1_000;

// The SDK comes from node_modules: its build for browsers is one file.
const sdk = path.join(path.dirname(createRequire(import.meta.url).resolve("centrifuge")), "../dist/centrifuge.js");
const files = {
  "/": ["text/html; charset=utf-8", fileURLToPath(new URL("index.html", import.meta.url))],
  "/centrifuge.js": ["text/javascript; charset=utf-8", sdk],
};

const base64 = (data) => Buffer.from(data).toString("base64url");
const sign = (data, secret) => createHmac("sha256", secret).update(data).digest("base64url");

/** Who is logged in, from a cookie that only this backend can make; nobody if it is not. */
function userOf(request) {
  const [, name, mac] = /(?:^|; *)session=([\w-]+)\.([\w-]+)/.exec(request.headers.cookie ?? "") ?? [];
  if (!name) return null;
  const [shown, own] = [mac, sign(name, SESSION_SECRET)].map((text) => Buffer.from(text));
  return shown.length === own.length && timingSafeEqual(shown, own) ? Buffer.from(name, "base64url").toString() : null;
}

/** A JSON Web Token that says so to Switchboard. Others see `sub` and `info`. */
function tokenOf(user) {
  const claims = { sub: user, exp: Math.floor(Date.now() / 1_000) + TOKEN_S, info: { name: user } };
  const parts = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => base64(JSON.stringify(part))).join(".");
  return `${parts}.${sign(parts, TOKEN_SECRET)}`;
}

async function bodyOf(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new Error("the body is too large");
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts));
}

const json = (value, headers = {}) => [200, { "Content-Type": "application/json", ...headers }, JSON.stringify(value)];
const cookie = (value, age) => ({ "Set-Cookie": `session=${value}; HttpOnly; SameSite=Lax; Path=/; Max-Age=${age}` });

const routes = {
  "POST /login": async (request) => {
    // A page of another origin cannot send this without being asked for its origin first.
    if (request.headers["content-type"] !== "application/json") return [415];
    const { name } = await bodyOf(request);
    const user = typeof name === "string" ? name.trim() : "";
    if (!user || [...user].length > 30) return [400];
    return json({}, cookie(`${base64(user)}.${sign(base64(user), SESSION_SECRET)}`, 86_400));
  },
  "POST /logout": () => json({}, cookie("", 0)),
  "GET /session": (request) => {
    const user = userOf(request);
    return user ? json({ user, server: SWITCHBOARD, room: "chat:lobby" }) : [401];
  },
  "GET /token": (request) => {
    const user = userOf(request);
    return user ? json({ token: tokenOf(user) }, { "Cache-Control": "no-store" }) : [403];
  },
};

async function answer(request) {
  const route = `${request.method} ${request.url.split("?")[0]}`;
  if (routes[route]) return routes[route](request);
  const [type, file] = (request.method === "GET" && files[request.url.split("?")[0]]) || [];
  return file ? [200, { "Content-Type": type }, await readFile(file)] : [404];
}

const server = createServer(async (request, response) => {
  let [status, headers, body] = [400];
  try {
    [status, headers, body] = await answer(request);
  } catch (error) {
    console.error(`${request.method} ${request.url}: ${error.message}`);
  }
  response.writeHead(status, headers ?? {});
  response.end(body);
});
server.listen(PORT, "127.0.0.1", () => console.log(`The chat is at http://localhost:${PORT}`));
