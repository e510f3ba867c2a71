// @ts-check
/**
 * The browser client of Switchboard. It listens to channels by the best way that the network lets through: a
 * WebSocket, else an event stream, else long polls. Whenever it connects again or changes its way, it goes on from
 * its position: each message arrives once and in order, or a gap says what is missing.
 *
 * @typedef {"websocket" | "stream" | "poll"} Way
 * @typedef {string | Uint8Array} Data Text or binary.
 * @typedef {{ channel: string, data: Data, position: string, event?: string, contentType?: string }} Message
 * @typedef {{ channel: string, reason: string, missed?: [number, number], position: string }} Gap
 * @typedef {{ state: "connecting" | "open" | "waiting" | "closed", way: Way, reason: string, code?: number }} State
 *   `code` is a close code or an HTTP status. Nothing comes after "closed".
 * @typedef {{ message: Message, gap: Gap, state: State }} Events
 * @typedef {object} Options
 * @property {() => string | Promise<string>} [token] Gives a token: at the start, and again before one runs out.
 * @property {string} [since] Where to begin: a position, "earliest" or "latest". From now on, unless set.
 * @property {"earliest"} [gap] After a gap, go on with the oldest message that is kept instead of from now on.
 * @property {RequestCredentials} [credentials] "include" shows cookies to a server of another origin.
 * @property {Way[]} [ways] What to try, best first.
 * @property {number} [openMs] How long a way may take to open before the next one is tried.
 * @property {number} [silenceMs] How long a stream or poll may be silent: more than the server's pings.
 * @property {number} [backoffMs] The first pause is random up to this, each further one up to twice as much ...
 * @property {number} [backoffMaxMs] ... and no more than this, unless the server asks for it.
 * @property {number} [betterMs] When to try a better way again; each time after twice as long, up to 16 times.
 *
 * @typedef {{ reason: string, code?: number, retryMs?: number, isPlanned?: boolean, isOpened?: boolean }} End
 *   Why a link is over.
 * @typedef {{ way: Way, isProbe: boolean, since: string, openedAt: number, early: Gap[], control: AbortController,
 *   timer?: any, socket?: WebSocket }} Link One WebSocket, event stream or series of polls. It ends with `control`.
 * @typedef {{ kind: string, value: string, fields: Record<string, string>, data: Data }} V1 Said in switchboard.v1.
 */

const DEFAULTS = {
  /** @type {Way[]} */ ways: ["websocket", "stream", "poll"],
  openMs: 8_000, silenceMs: 90_000, backoffMs: 1_000, backoffMaxMs: 30_000, betterMs: 30_000,
};
const STEADY_MS = 5_000; // a link that lasted this long was a good one
const ASLEEP_MS = 90_000; // a timer this late has slept, and connections have died meanwhile
const TOKEN_MS_MIN = 5_000;
const ANSWER_MS = 30_000;
const REQUESTS_MAX = 64; // the server reads no further while it owes so many answers
const EVENT_CHARACTERS_MAX = 64 << 20;

export class Switchboard {
  /** @type {{ [K in keyof Events]: Set<(event: Events[K]) => void> }} */
  #listeners = { message: new Set(), gap: new Set(), state: new Set() };
  /** @type {Map<string, { resolve: (answer: V1) => void, reject: (error: Error) => void }>} */
  #requests = new Map();
  /** @type {State} */ #state;
  /** @type {Link | undefined} */ #link;
  #server; #channels; #options; #position; #betterMs;
  #level; // which of the ways is used
  #best = -1; // which one opened last in this network
  #wasOpen = false;
  #failed = 0; // how often in a row the one that is used did not
  #pauses = 0;
  #asked = 0;
  #token = "";
  #tokenUntil = 0;
  #wake = () => {};
  #stop = new AbortController();

  /**
   * @param {string} server Such as "https://push.example.org".
   * @param {string | string[]} channels
   * @param {Options} options
   */
  constructor(server, channels, options = {}) {
    this.#server = server.replace(/\/$/, "");
    this.#channels = [...new Set([channels].flat())];
    this.#options = { ...DEFAULTS, ...options };
    this.#position = options.since ?? "";
    this.#betterMs = this.#options.betterMs;
    const known = remembered(this.#server);
    this.#level = Math.max(0, this.#options.ways.findIndex((way) => way === known));
    this.#state = { state: "connecting", way: this.#options.ways[this.#level], reason: "" };
    this.#watchNetwork();
    queueMicrotask(() => this.#run());
  }

  /** Give it as `since` to another client, and that one goes on where this one is. */
  get position() { return this.#position; }
  get state() { return this.#state; }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(event: Events[K]) => void} listener
   * @returns {() => void} Takes the listener away again.
   */
  on(name, listener) {
    this.#listeners[name].add(listener);
    return () => void this.#listeners[name].delete(listener);
  }

  /**
   * Publishes and gives the position of the message. This and `request` take an open WebSocket. Their errors have a
   * `code`, which is an HTTP status or 0, and `isSent`, which says that it may have been done all the same.
   * @param {Data} data
   * @param {{ channel?: string, event?: string, contentType?: string }} about
   */
  async publish(data, { channel, event, contentType } = {}) {
    return (await this.#ask("publish", { channel, event, "content-type": contentType }, data)).fields.position;
  }

  /** Asks the backend and gives its answer. @param {string} method @param {Data} data */
  async request(method, data = "") {
    return (await this.#ask("request", { method }, data)).data;
  }

  close(reason = "closed by the page", code = 0) {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#link?.control.abort({ reason });
    this.#wake();
    this.#tell("closed", reason, code);
  }

  async #run() {
    while (!this.#stop.signal.aborted) {
      this.#tell("connecting", this.#state.reason, this.#state.code);
      /** @type {End} */
      const end = await this.#renewToken().then(() => this.#connect(), (error) => ({ reason: `no token: ${error}` }));
      const pauseMs = this.#after(end);
      this.#link = undefined;
      if (pauseMs === null) this.close(end.reason, end.code);
      if (!pauseMs || this.#stop.signal.aborted) continue;
      this.#tell("waiting", end.reason, end.code);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        this.#wake = () => (clearTimeout(timer), resolve(null));
      });
    }
  }

  /** How long to wait after the end of a link, or null if it is the end of all. Chooses the way. @param {End} end */
  #after({ code = 0, retryMs = 0, isPlanned }) {
    const { ways, token, backoffMs, backoffMaxMs, betterMs } = this.#options;
    const openedAt = this.#link?.openedAt ?? 0;
    const isSteady = openedAt > 0 && performance.now() - openedAt > STEADY_MS;
    if (isSteady) this.#failed = this.#pauses = 0;
    if (isSteady && this.#link?.way === ways[0]) this.#betterMs = betterMs;
    if (code === 401 || code === 4401) this.#token = "";
    if (isPlanned) return 0;
    if ([1002, 1007, 4403].includes(code) || (code >= 4500 && code < 5000) || (code === 4401 && !token)) return null;
    // A way that has worked gets another chance, since the server may only be starting again. So does one that says
    // that it is busy or that the token is old: the others would say the same.
    const isTold = code === 401 || code === 429 || (code >= 500 && code < 600);
    if (this.#link && !isSteady && ++this.#failed >= (isTold || this.#level === this.#best ? 3 : 1)) {
      const isLast = this.#level === ways.length - 1;
      // What was accepted before is not wrong: then only a missing right is final, and other refusals may be a proxy's.
      const isRefused = code >= 400 && code < 500 && ![408, 429].includes(code);
      if (isLast && !openedAt && isRefused && (!this.#wasOpen || code === 401 || code === 403)) return null;
      this.#failed = 0;
      this.#level = isLast ? 0 : this.#level + 1;
      if (!isLast && !retryMs) return 0;
    }
    return retryMs + 1 + Math.random() * Math.min(backoffMaxMs, backoffMs * 2 ** this.#pauses++);
  }

  /**
   * Listens by a way until that is over. A probe is over as soon as it has shown that its way works.
   * @returns {Promise<End>}
   */
  async #connect(level = this.#level, isProbe = false, control = new AbortController()) {
    const way = this.#options.ways[level];
    const since = isProbe ? "" : this.#position;
    /** @type {Link} */ const link = { way, isProbe, since, control, openedAt: 0, early: [] };
    if (!isProbe) this.#link = link;
    if (this.#stop.signal.aborted) control.abort({ reason: "" });
    this.#heard(link);
    const listen = { websocket: this.#websocket, stream: this.#stream, poll: this.#poll }[way];
    try {
      control.signal.throwIfAborted();
      control.abort(await listen.call(this, link));
    } catch (error) {
      control.abort({ reason: error instanceof Error ? error.message : String(error) }); // unless it has ended before
    }
    clearTimeout(link.timer);
    return { ...control.signal.reason, isOpened: link.openedAt > 0 };
  }

  /** The other side was heard, so it has the whole time again before it counts as dead. @param {Link} link */
  #heard(link) {
    clearTimeout(link.timer);
    if (link.control.signal.aborted || (link.openedAt && link.socket)) return; // pages do not see a WebSocket's pings
    const { openMs, silenceMs } = this.#options;
    const ms = link.openedAt ? silenceMs : openMs * Math.min(4, 1 + this.#pauses); // the network may only be slow
    link.timer = setTimeout(() => link.control.abort({ reason: `nothing came for ${ms} ms` }), ms);
  }

  /** It has begun, here. @param {Link} link @param {string} position */
  #open(link, position) {
    const { signal } = link.control;
    if (signal.aborted || link.openedAt) return;
    link.openedAt = performance.now();
    if (link.isProbe) return link.control.abort({ reason: "" });
    this.#heard(link);
    this.#best = this.#level;
    this.#wasOpen = true;
    remembered(this.#server, link.way);
    signal.addEventListener("abort", () => {
      this.#requests.forEach(({ reject }) => reject(failure("the connection was lost before the answer", 0, true)));
      this.#requests.clear();
    });
    this.#tell("open", "");
    for (const gap of link.early) this.#take(link, "gap", gap);
    if (!signal.aborted) this.#position = position;
    const keepToken = () => {
      const ms = Math.max(TOKEN_MS_MIN, this.#tokenUntil - Date.now());
      if (ms < 2 ** 31) later(signal, ms, () => this.#showToken(link).then(keepToken));
    };
    const findBetter = () => {
      later(signal, this.#betterMs * (0.5 + Math.random()), () => this.#probe(link).then(findBetter));
      this.#betterMs = Math.min(this.#betterMs * 2, this.#options.betterMs * 16);
    };
    if (this.#options.token) keepToken();
    if (this.#level > 0) findBetter();
  }

  /** @template {"message" | "gap"} K @param {Link} link @param {K} kind @param {Events[K]} what */
  #take(link, kind, what) {
    if (link.control.signal.aborted) return;
    // Gaps come before the start. Should that never come, the next link brings them again.
    if (!link.openedAt) return void link.early.push(/** @type {Gap} */ (what));
    this.#position = what.position ?? this.#position;
    this.#emit(kind, what);
  }

  /** @param {Link} link @returns {Promise<End>} */
  #websocket(link) {
    const bearer = this.#token ? [`bearer.${this.#token}`] : [];
    const url = this.#url({ since: link.since }).replace(/^http/, "ws");
    const socket = (link.socket = new WebSocket(url, ["switchboard.v1", ...bearer]));
    socket.binaryType = "arraybuffer";
    socket.onmessage = (message) => {
      const said = v1(message.data);
      const { kind, value: position, fields, data } = said;
      const channel = decodeURIComponent(fields.channel ?? "") || this.#channels[0];
      const event = fields.event && decodeURIComponent(fields.event);
      /** @type {any} */ const missed = fields.missed?.split("-").map(Number);
      if (kind === "start") this.#open(link, position);
      else if (kind === "gap") this.#take(link, "gap", { channel, reason: fields.reason, missed, position });
      else if (kind !== "position") this.#answer(said);
      else this.#take(link, "message", { channel, data, position, event, contentType: fields["content-type"] });
    };
    return new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason: reason || `the WebSocket was closed (${code})` });
      link.control.signal.addEventListener("abort", () => {
        socket.close();
        resolve({ reason: "" });
      });
    });
  }

  /**
   * With `fetch`: an `EventSource` drops events whose names it was not told, and hides statuses and `Retry-After`.
   * @param {Link} link
   * @returns {Promise<End>}
   */
  async #stream(link) {
    const response = await this.#get(link, { since: link.since }, { Accept: "text/event-stream" });
    const isStream = response.ok && response.headers.get("Content-Type")?.startsWith("text/event-stream");
    if (!isStream || !response.body) return refusal(response);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    /** @type {string[]} */ let before = [];
    for (let text = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return { reason: "the stream ended" };
      this.#heard(link);
      const events = (text + decoder.decode(value, { stream: true })).split("\n\n");
      text = events.pop() ?? "";
      if (text.length > EVENT_CHARACTERS_MAX) return { reason: "an event has no end" };
      for (const lines of events.map((event) => event.split("\n").map((line) => split(line, ": ")))) {
        const { id: position, event } = Object.fromEntries(lines);
        if (!position) continue; // a comment, which says that the server is there
        const texts = lines.filter(([name]) => name === "data").map(([, text]) => text);
        // An event does not name its channel. It is the one whose part of the id has changed.
        /** @type {string[]} */ const parts = position.split(",");
        const channel = this.#channels[Math.max(0, parts.findIndex((part, at) => part !== before[at]))];
        before = parts;
        if (!texts.length) this.#open(link, position);
        else if (event === "gap") this.#take(link, "gap", JSON.parse(texts[0]));
        else if (event === "binary") this.#take(link, "message", { channel, data: bytesOf(texts[0]), position });
        else this.#take(link, "message", { channel, data: texts.join("\n"), position, event });
      }
    }
  }

  /** @param {Link} link @returns {Promise<End>} */
  async #poll(link) {
    for (let position = ""; ; ) {
      const askedAt = performance.now();
      // The first one does not wait: it shows whether polls get through, and where the channels are.
      /** @type {Record<string, string>} */
      const query = link.openedAt ? {} : { poll: "1", since: link.since };
      /** @type {Record<string, string>} */
      const validator = link.openedAt ? { "If-None-Match": `"${position}"` } : {};
      const response = await this.#get(link, query, { Accept: "application/json", ...validator });
      if (![200, 304, 408].includes(response.status)) return refusal(response);
      /** @type {any[]} */ const items = response.status === 200 ? await response.json() : [];
      position = /"(.+)"/.exec(response.headers.get("ETag") ?? "")?.[1] ?? items.at(-1)?.position ?? position;
      if (!position) return { reason: "what answers is no Switchboard server" };
      this.#heard(link);
      for (const { channel, position, gap: reason, missed, data, b64, event, content_type: contentType } of items) {
        if (!reason) this.#open(link, link.since);
        if (reason) this.#take(link, "gap", { channel, reason, missed, position });
        else this.#take(link, "message", { channel, data: data ?? bytesOf(b64), position, event, contentType });
      }
      this.#open(link, position);
      // Where something on the way says at once that there is nothing, it is not asked all the time.
      const isHasty = !items.length && !query.poll && performance.now() - askedAt < 500;
      if (isHasty) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }

  /** @param {Record<string, string>} query */
  #url(query) {
    const given = Object.entries({ ...query, gap: this.#options.gap }).filter(([, value]) => value);
    const words = given.map(([name, value]) => `${name}=${value}`).join("&");
    return `${this.#server}/sub/${this.#channels.map(encodeURIComponent).join(",")}${words && "?"}${words}`;
  }

  /** @param {Link} link @param {Record<string, string>} query @param {Record<string, string>} headers */
  #get(link, query, headers) {
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const { credentials } = this.#options;
    return fetch(this.#url(query), { headers, credentials, signal: link.control.signal, cache: "no-store" });
  }

  /** Looks whether a better way opens by now, and if so, goes over to it. @param {Link} link */
  async #probe({ control }) {
    for (let level = 0; level < this.#level; level++) {
      const probe = new AbortController();
      control.signal.addEventListener("abort", () => probe.abort({ reason: "" }), { signal: probe.signal });
      const { isOpened } = await this.#connect(level, true, probe);
      if (control.signal.aborted || !isOpened) continue;
      this.#level = level;
      control.abort({ reason: "a better way is open", isPlanned: true });
    }
  }

  /** Gets a token, where there is none that is good for a while. */
  async #renewToken() {
    const { token, backoffMaxMs } = this.#options;
    if (!token || (this.#token && Date.now() < this.#tokenUntil)) return;
    const tooLong = new Promise((_, reject) => setTimeout(reject, ANSWER_MS, "it takes too long"));
    try {
      this.#token = await Promise.race([token(), /** @type {Promise<never>} */ (tooLong)]);
      // Some time before its end, and not for all clients at once. If the clock is wrong, the server says when.
      const leftMs = endOf(this.#token) - Date.now();
      this.#tokenUntil = leftMs > 0 ? Date.now() + leftMs * (0.7 + Math.random() * 0.2) : Infinity;
    } catch (error) {
      if (!this.#token || Date.now() > endOf(this.#token)) throw error;
      this.#tokenUntil = Date.now() + Math.random() * backoffMaxMs; // the old one is good for so long
    }
  }

  /** Shows a new token. Polls do that with each request. @param {Link} link */
  async #showToken({ way, control }) {
    const shown = this.#token;
    this.#tokenUntil = 0;
    await this.#renewToken().catch(() => {}); // the server says when the old one is over
    if (way === "poll" || control.signal.aborted || this.#token === shown) return;
    if (way === "websocket" && (await this.#ask("refresh", {}, this.#token).catch(() => null))) return;
    control.abort({ reason: "a new token", isPlanned: true });
  }

  /**
   * @param {string} kind
   * @param {Record<string, string | undefined>} about
   * @param {Data} data
   * @returns {Promise<V1>}
   */
  #ask(kind, about, data) {
    return new Promise((resolve, reject) => {
      const socket = this.#link?.openedAt ? this.#link.socket : undefined;
      if (!socket) throw failure("this takes an open WebSocket", 0, false);
      if (this.#requests.size >= REQUESTS_MAX) throw failure("too many requests wait for an answer", 0, false);
      const id = String(++this.#asked);
      let head = `${kind}: ${id}\n`;
      for (const [name, value] of Object.entries(about)) {
        if (value) head += `${name}: ${name === "content-type" ? value.trim() : encodeURIComponent(value)}\n`;
      }
      const bytes = typeof data !== "string" && [...new TextEncoder().encode(`${head}\n`), ...data];
      socket.send(bytes ? new Uint8Array(bytes) : `${head}\n${data}`);
      this.#requests.set(id, { resolve, reject });
      setTimeout(() => this.#requests.delete(id) && reject(failure("no answer came", 0, true)), ANSWER_MS);
    });
  }

  /** @param {V1} answer */
  #answer(answer) {
    const { kind, value: id, fields } = answer;
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    const code = Number(fields.code);
    if (kind === "error") request?.reject(failure(fields.reason, code, code >= 500));
    else request?.resolve(answer);
  }

  /** @param {State["state"]} state @param {string} reason @param {number} [code] */
  #tell(state, reason, code) {
    this.#state = { state, way: this.#options.ways[this.#level], reason, ...(code && { code }) };
    this.#emit("state", this.#state);
  }

  /** @template {keyof Events} K @param {K} name @param {Events[K]} event */
  #emit(name, event) {
    for (const listener of this.#listeners[name]) {
      try {
        listener(event);
      } catch (error) {
        setTimeout(() => { throw error; }); // a fault of the page, for its console
      }
    }
  }

  /** Follows what the browser knows of the network, and notices that the machine has slept. */
  #watchNetwork() {
    const { signal } = this.#stop;
    const again = (/** @type {string} */ reason) => {
      this.#failed = this.#pauses = 0;
      if (this.#best >= 0) this.#level = this.#best;
      this.#best = -1; // this may be another network
      this.#link?.control.abort({ reason, isPlanned: true });
      this.#wake();
    };
    globalThis.addEventListener?.("online", () => again("online again"), { signal });
    globalThis.addEventListener?.("offline", () => this.#link?.control.abort({ reason: "offline" }), { signal });
    globalThis.document?.addEventListener("visibilitychange", () => {
      const isToldToWait = [429, 503].includes(this.#state.code ?? 0);
      if (document.visibilityState === "visible" && !isToldToWait) this.#wake();
    }, { signal });
    let last = Date.now();
    const timer = setInterval(() => {
      if (Date.now() - last > ASLEEP_MS) again("awake again");
      last = Date.now();
    }, 10_000);
    signal.addEventListener("abort", () => clearInterval(timer));
  }
}

/** Reads lines `name: value`, an empty line and the payload. @param {string | ArrayBuffer} message @returns {V1} */
function v1(message) {
  const text = typeof message === "string" ? message : new TextDecoder("latin1").decode(message);
  const end = text.indexOf("\n\n");
  const lines = text.slice(0, end).split("\n").map((line) => split(line, ": "));
  const data = typeof message === "string" ? message.slice(end + 2) : new Uint8Array(message, end + 2);
  return { kind: lines[0][0], value: lines[0][1], fields: Object.fromEntries(lines), data };
}

/** Why a server, or something before it, does not serve. @param {Response} response @returns {Promise<End>} */
async function refusal(response) {
  const after = response.headers.get("Retry-After") ?? "";
  const retryMs = Math.min(600_000, Math.max(0, Number(after) * 1_000 || Date.parse(after) - Date.now() || 0));
  return { code: response.status, reason: (await response.text()).trim().slice(0, 500), retryMs };
}

/** When a token ends, in Unix milliseconds. @param {string} token */
function endOf(token) {
  try {
    const claims = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const { exp, expire_at: expireAt } = JSON.parse(claims);
    return Math.min(exp || Infinity, expireAt || Infinity) * 1_000;
  } catch {
    return Infinity;
  }
}

/** The way that last worked with a server. @param {string} server @param {Way} [way] */
function remembered(server, way) {
  try {
    if (way) localStorage.setItem(`switchboard ${server}`, way);
    return localStorage.getItem(`switchboard ${server}`);
  } catch {
    return null; // the browser keeps nothing for this page
  }
}

/** @param {AbortSignal} signal What calls it off. @param {number} ms @param {() => void} what */
function later(signal, ms, what) {
  if (signal.aborted) return;
  const stop = () => clearTimeout(timer);
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", stop);
    what();
  }, ms);
  signal.addEventListener("abort", stop);
}

/** @param {string} message @param {number} code @param {boolean} isSent */
function failure(message, code, isSent) {
  return Object.assign(new Error(message), { code, isSent });
}

/** @param {string} base64 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** What is before the first mark, and what is after it. @param {string} text @param {string} mark */
function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}
