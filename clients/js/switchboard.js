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
 * @typedef {{ reason: string, code?: number, retryMs?: number, isPlanned?: boolean }} End Why a link is over.
 * @typedef {{ kind: string, value: string, fields: Record<string, string>, data: Data }} V1 A message of `switchboard.v1`.
 * @typedef {{ since: string, channels: string[], openedAt: number, signal: AbortSignal, over: Promise<End>,
 *   end: (end: End) => void, take: (kind: "alive" | "open" | "gap" | "message" | "answer", what?: any) => void,
 *   url: (query: Record<string, string>) => string, token: () => string, socket?: WebSocket,
 *   get: (query: Record<string, string>, headers: Record<string, string>) => Promise<Response> }} Link
 *   One WebSocket, event stream or series of polls. What it takes after its end does not count.
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

/** Why a request failed: `code` is a status of HTTP or 0, and `isSent` says that it may have been done all the same. */
export class SwitchboardError extends Error {
  /** @param {string} message @param {number} code @param {boolean} isSent */
  constructor(message, code, isSent) {
    super(message);
    this.name = "SwitchboardError";
    this.code = code;
    this.isSent = isSent;
  }
}

export class Switchboard {
  /** @type {{ [K in keyof Events]: Set<(event: Events[K]) => void> }} */
  #listeners = { message: new Set(), gap: new Set(), state: new Set() };
  /** @type {Map<string, { resolve: (answer: V1) => void, reject: (error: Error) => void }>} */ #requests = new Map();
  /** @type {State} */ #state;
  /** @type {Link | undefined} */ #link;
  #server; #channels; #options; #position; #betterMs;
  #level; // which of the ways is used
  #best; // which one opened last; -1 is none
  #failed = 0; // how often in a row the one that is used did not
  #pauses = 0; // how often in a row it has waited
  #count = 0; // requests so far
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
    this.#best = this.#options.ways.findIndex((way) => way === remembered(this.#server));
    this.#level = Math.max(0, this.#best);
    this.#state = { state: "connecting", way: this.#options.ways[this.#level], reason: "" };
    this.#watch();
    queueMicrotask(() => this.#run());
  }

  /** Give it as `since` to another client, and that one goes on where this one is. */
  get position() { return this.#position; }
  get state() { return this.#state; }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(event: Events[K]) => void} listener
   * @returns {() => void} takes the listener away again
   */
  on(name, listener) {
    this.#listeners[name].add(listener);
    return () => void this.#listeners[name].delete(listener);
  }

  /**
   * Publishes, which takes an open WebSocket, and gives the position of the message.
   * @param {Data} data
   * @param {{ channel?: string, event?: string, contentType?: string }} about
   */
  async publish(data, { channel, event, contentType } = {}) {
    const { fields } = await this.#ask("publish", { channel, event, "content-type": contentType }, data);
    return fields.position;
  }

  /**
   * Asks the backend, which takes an open WebSocket, and gives its answer.
   * @param {string} method
   * @param {Data} data
   */
  async request(method, data = "") {
    return (await this.#ask("request", { method }, data)).data;
  }

  close(reason = "closed by the page", code = 0) {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#link?.end({ reason });
    this.#wake();
    this.#tell("closed", reason, code);
  }

  async #run() {
    while (!this.#stop.signal.aborted) {
      this.#tell("connecting", this.#state.reason, this.#state.code);
      /** @type {End} */ let end;
      try {
        await this.#renewToken();
        if (this.#stop.signal.aborted) return;
        this.#link = this.#connect(this.#options.ways[this.#level]);
        end = await this.#link.over;
      } catch (error) {
        end = { reason: `no token: ${error}` };
      }
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
    if (isSteady && this.#level === 0) this.#betterMs = betterMs;
    if (code === 401 || code === 4401) this.#tokenUntil = 0;
    if (isPlanned) return 0;
    if ([1002, 1007, 4403].includes(code) || (code >= 4500 && code < 5000) || (code === 4401 && !token)) return null;
    // A way that has worked gets another chance, since the server may only be starting again. So does one that says
    // that it is busy, or that the token is old: the others would say the same.
    const patience = this.#level === this.#best || [401, 429].includes(code) || (code >= 500 && code < 600) ? 3 : 1;
    if (this.#link && !isSteady && ++this.#failed >= patience) {
      const isLast = this.#level === ways.length - 1;
      if (isLast && !openedAt && code >= 400 && code < 500 && ![408, 429].includes(code)) return null;
      this.#failed = 0;
      this.#level = isLast ? 0 : this.#level + 1;
      if (!isLast && !retryMs) return 0;
    }
    return retryMs + 1 + Math.random() * Math.min(backoffMaxMs, backoffMs * 2 ** this.#pauses++);
  }

  /**
   * Starts a link. A probe ends as soon as it has shown that its way works.
   * @param {Way} way
   */
  #connect(way, isProbe = false) {
    const { openMs, silenceMs, gap, credentials } = this.#options;
    const control = new AbortController();
    const { signal } = control;
    /** @type {Gap[]} */ const early = [];
    /** @type {any} */ let timer;
    /** @type {Link} */ const link = {
      since: isProbe ? "" : this.#position, channels: this.#channels, openedAt: 0, signal, over: new Promise(() => {}),
      end: (end) => control.abort(end),
      token: () => this.#token,
      url: (query) => {
        const given = Object.entries({ ...query, gap }).filter(([, value]) => value).map(([name, value]) => `${name}=${value}`);
        return `${this.#server}/sub/${this.#channels.map(encodeURIComponent).join(",")}${given.length ? "?" : ""}${given.join("&")}`;
      },
      get: (query, headers) => {
        if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
        return fetch(link.url(query), { headers, credentials, signal, cache: "no-store" });
      },
      take: (kind, what) => {
        if (signal.aborted) return;
        if (kind === "open" && isProbe) {
          link.openedAt = performance.now();
          link.end({ reason: "" });
        } else if (kind === "open" && !link.openedAt) {
          link.openedAt = performance.now();
          this.#opened(link, way);
          for (const one of early) link.take("gap", one);
          if (what && !signal.aborted) this.#position = what;
        } else if (kind === "gap" && !link.openedAt) {
          early.push(what); // should the start never come, the next link brings them again
        } else if (kind === "gap" || kind === "message") {
          this.#position = what.position ?? this.#position;
          this.#emit(kind, what);
        } else if (kind === "answer") {
          this.#answer(what);
        }
        clearTimeout(timer);
        // Pages do not see the pings of a WebSocket.
        if (signal.aborted || (link.openedAt && link.socket)) return;
        const ms = link.openedAt ? silenceMs : openMs;
        timer = setTimeout(() => link.end({ reason: `nothing came for ${ms} ms` }), ms);
      },
    };
    link.take("alive");
    link.over = (async () => LISTEN[way](link))()
      .catch((error) => ({ reason: String(error?.message ?? error) }))
      .then((end) => {
        clearTimeout(timer);
        link.end(end); // unless there was an end before
        return signal.reason;
      });
    return link;
  }

  /** @param {Link} link @param {Way} way */
  #opened(link, way) {
    this.#best = this.#level;
    remembered(this.#server, way);
    /** @type {any[]} */ const timers = [];
    link.signal.addEventListener("abort", () => {
      timers.forEach(clearTimeout);
      this.#requests.forEach(({ reject }) => reject(new SwitchboardError("the connection was lost before the answer", 0, true)));
      this.#requests.clear();
    });
    const keepToken = () => {
      const ms = Math.max(TOKEN_MS_MIN, this.#tokenUntil - Date.now());
      if (ms < 2 ** 31) timers[0] = setTimeout(() => this.#showToken(link, way).then(keepToken), ms);
    };
    const findBetter = () => {
      if (link.signal.aborted || this.#level === 0) return;
      timers[1] = setTimeout(() => this.#probe(link).then(findBetter), this.#betterMs * (0.5 + Math.random()));
      this.#betterMs = Math.min(this.#betterMs * 2, this.#options.betterMs * 16);
    };
    if (this.#options.token) keepToken();
    findBetter();
    this.#tell("open", "");
  }

  /** Looks whether a better way works by now, and if so, ends the link. @param {Link} link */
  async #probe(link) {
    for (let level = 0; level < this.#level; level++) {
      const probe = this.#connect(this.#options.ways[level], true);
      link.signal.addEventListener("abort", () => probe.end({ reason: "" }));
      await probe.over;
      if (link.signal.aborted || !probe.openedAt) continue;
      this.#level = level;
      link.end({ reason: "a better way is open", isPlanned: true });
    }
  }

  /** Gets a token, where there is none that is good for a while. */
  async #renewToken() {
    const { token } = this.#options;
    if (!token || Date.now() < this.#tokenUntil) return;
    this.#tokenUntil = 0;
    this.#token = await token();
    // Some time before its end, and not for all clients at once. If the clock is wrong, the server says when.
    const leftMs = endOf(this.#token) - Date.now();
    this.#tokenUntil = leftMs > 0 ? Date.now() + leftMs * (0.7 + Math.random() * 0.2) : Infinity;
  }

  /** Goes on with a new token. Polls show theirs each time. @param {Link} link @param {Way} way */
  async #showToken(link, way) {
    try {
      await this.#renewToken();
    } catch {
      return; // the old one may be good still
    }
    const shown = way === "websocket" ? this.#ask("refresh", {}, this.#token).then(() => true, () => false) : way === "poll";
    if (!(await shown)) link.end({ reason: "a new token", isPlanned: true });
  }

  /**
   * @param {string} kind
   * @param {Record<string, string | undefined>} about
   * @param {Data} data
   * @returns {Promise<V1>}
   */
  #ask(kind, about, data) {
    const socket = this.#link?.openedAt ? this.#link.socket : undefined;
    if (!socket) return Promise.reject(new SwitchboardError("this takes an open WebSocket", 0, false));
    if (this.#requests.size >= REQUESTS_MAX) return Promise.reject(new SwitchboardError("too many requests are under way", 0, false));
    return new Promise((resolve, reject) => {
      const id = String(++this.#count);
      const lines = Object.entries(about).filter(([, value]) => value);
      const encode = (/** @type {string} */ name, value = "") => name === "content-type" ? value.replace(/\s+/g, " ") : encodeURIComponent(value);
      const head = `${kind}: ${id}\n${lines.map(([name, value]) => `${name}: ${encode(name, value)}\n`).join("")}\n`;
      socket.send(typeof data === "string" ? head + data : new Uint8Array([...new TextEncoder().encode(head), ...data]));
      this.#requests.set(id, { resolve, reject });
      setTimeout(() => this.#requests.delete(id) && reject(new SwitchboardError("no answer came", 0, true)), ANSWER_MS);
    });
  }

  /** @param {V1} answer */
  #answer(answer) {
    const { kind, value, fields } = answer;
    const request = this.#requests.get(value);
    this.#requests.delete(value);
    const code = Number(fields.code);
    if (kind === "error") request?.reject(new SwitchboardError(fields.reason, code, code >= 500));
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
        queueMicrotask(() => { throw error; }); // a fault of the page must not cost others the message
      }
    }
  }

  /** Follows what the browser knows of the network. */
  #watch() {
    const { signal } = this.#stop;
    const again = (/** @type {string} */ reason) => {
      this.#failed = this.#pauses = 0;
      this.#level = Math.max(0, this.#best);
      this.#link?.end({ reason, isPlanned: true });
      this.#wake();
    };
    globalThis.addEventListener?.("online", () => again("online again"), { signal });
    globalThis.addEventListener?.("offline", () => this.#link?.end({ reason: "offline" }), { signal });
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

/** @type {Record<Way, (link: Link) => Promise<End>>} */
const LISTEN = { websocket, stream, poll };

/** @param {Link} link @returns {Promise<End>} */
function websocket(link) {
  const token = link.token();
  const protocols = ["switchboard.v1", ...(token ? [`bearer.${token}`] : [])];
  const socket = new WebSocket(link.url({ since: link.since }).replace(/^http/, "ws"), protocols);
  link.socket = socket;
  socket.binaryType = "arraybuffer";
  socket.onmessage = (event) => {
    const message = v1(event.data);
    const { kind, value: position, fields, data } = message;
    const channel = fields.channel ? decodeURIComponent(fields.channel) : link.channels[0];
    if (kind === "start") {
      link.take("open", position);
    } else if (kind === "gap") {
      const missed = fields.missed?.split("-").map(Number);
      link.take("gap", { channel, reason: fields.reason, position, ...(missed && { missed }) });
    } else if (kind === "position") {
      const labels = { ...(fields.event && { event: decodeURIComponent(fields.event) }), ...(fields["content-type"] && { contentType: fields["content-type"] }) };
      link.take("message", { channel, data, position, ...labels });
    } else {
      link.take("answer", message);
    }
  };
  return new Promise((resolve) => {
    socket.onclose = ({ code, reason }) => resolve({ code, reason: reason || `the WebSocket was closed with ${code}` });
    link.signal.addEventListener("abort", () => {
      socket.close();
      resolve({ reason: "" });
    });
  });
}

/** Reads lines `name: value`, an empty line and a payload. @param {string | ArrayBuffer} message @returns {V1} */
function v1(message) {
  const text = typeof message === "string" ? message : new TextDecoder("latin1").decode(message);
  const end = text.indexOf("\n\n");
  const fields = Object.fromEntries(text.slice(0, end).split("\n").map((line) => split(line, ": ")));
  const [kind, value] = split(text.slice(0, text.indexOf("\n")), ": ");
  const data = typeof message === "string" ? message.slice(end + 2) : new Uint8Array(message, end + 2);
  return { kind, value, fields, data };
}

/**
 * With `fetch`: an `EventSource` drops events whose names it was not told, and hides statuses and `Retry-After`.
 * @param {Link} link
 * @returns {Promise<End>}
 */
async function stream(link) {
  const response = await link.get({ since: link.since }, { Accept: "text/event-stream" });
  const isStream = response.ok && response.headers.get("Content-Type")?.startsWith("text/event-stream");
  if (!isStream || !response.body) return refusal(response);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  /** @type {string[]} */ let before = [];
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return { reason: "the stream ended" };
    link.take("alive");
    const events = (text + decoder.decode(value, { stream: true })).split("\n\n");
    text = events.pop() ?? "";
    if (text.length > EVENT_CHARACTERS_MAX) return { reason: "an event has no end" };
    for (const event of events) {
      /** @type {Record<string, string[]>} */ const fields = {};
      for (const line of event.split("\n")) {
        const [name, content] = split(line, ": ");
        (fields[name] ??= []).push(content);
      }
      if (!fields.id) continue; // a comment, which says that the server is there
      const position = fields.id[0];
      const name = fields.event?.[0];
      // An event does not name its channel. It is the one whose part of the id has changed.
      const now = position.split(",");
      const channel = link.channels[Math.max(0, now.findIndex((part, at) => part !== before[at]))];
      before = now;
      const data = fields.data?.join("\n");
      if (data === undefined) link.take("open", position);
      else if (name === "gap") link.take("gap", JSON.parse(data));
      else if (name === "binary") link.take("message", { channel, data: bytesOf(data), position });
      else link.take("message", { channel, data, position, ...(name && { event: name }) });
    }
  }
}

/** @param {Link} link @returns {Promise<End>} */
async function poll(link) {
  let position = "";
  for (;;) {
    const askedAt = performance.now();
    // The first one does not wait: it shows whether polls get through, and where the channels are.
    /** @type {Record<string, string>} */ const query = position ? {} : { poll: "1", since: link.since };
    const response = await link.get(query, { Accept: "application/json", ...(position && { "If-None-Match": `"${position}"` }) });
    if (![200, 304, 408].includes(response.status)) return refusal(response);
    /** @type {any[]} */ const items = response.status === 200 ? await response.json() : [];
    position = /"(.+)"/.exec(response.headers.get("ETag") ?? "")?.[1] ?? items.at(-1)?.position ?? position;
    if (!position) return { reason: "no Switchboard server answers" };
    // Gaps of the first answer count once there is a start, as on the other ways.
    for (const { gap, data, b64, content_type: contentType, event, channel, position, missed } of items) {
      if (gap) link.take("gap", { channel, reason: gap, position, ...(missed && { missed }) });
      else {
        link.take("open");
        link.take("message", { channel, data: data ?? bytesOf(b64), position, ...(event && { event }), ...(contentType && { contentType }) });
      }
    }
    link.take("open", position);
    link.take("alive");
    // Something answers at once that there is nothing: do not ask it all the time.
    if (query.poll === undefined && !items.length && performance.now() - askedAt < 500) await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** @param {Response} response @returns {Promise<End>} */
async function refusal(response) {
  const after = response.headers.get("Retry-After") ?? "";
  const retryMs = Math.min(600_000, Math.max(0, Number(after) * 1_000 || Date.parse(after) - Date.now() || 0));
  return { code: response.status, reason: (await response.text()).trim().slice(0, 500), retryMs };
}

/** When a token ends, in Unix milliseconds. @param {string} token */
function endOf(token) {
  try {
    const { exp, expire_at: expireAt } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
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

/** @param {string} base64 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** What is before the first mark, and what is after it. @param {string} text @param {string} mark */
function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}
