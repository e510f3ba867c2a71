"use strict";
const $ = (id) => document.getElementById(id);
const LIST_MAX = 500, TEXT_MAX = 4000, OWN_MAX = 1000, OWN_MS = 30000;
const CODES = {
  1000: "the channel was deleted, or one side closed the connection",
  1001: "the server is stopping",
  1002: "one side broke the protocol",
  1005: "closed without a code",
  1006: "the connection broke or could not be opened; the server may be down, or it refused this channel or this page's origin",
  1007: "a text was not UTF-8",
  1008: "not allowed",
  1009: "the message was too large",
  1011: "a fault in the server",
  1012: "the server is restarting",
  1013: "the server is busy",
  4008: "this client was too slow and lost its place",
  4010: "the position is lost; messages were missed",
  4401: "the identity has expired",
  4403: "no right to this, or not any more",
};
// Trying again would end the same way.
const FINAL = new Set([1000, 1002, 1007, 1008, 1009, 4401, 4403]);
const [, curl, publishUrl] = $("curl").textContent.match(/^(.*) (\S+)$/);
const encoder = new TextEncoder();

const PROTOCOL = "switchboard.v1";
const decoder = new TextDecoder();

let socket = null, channels = [], position = null, attempts = 0, openedAt = 0, retry = 0, dueAt = 0;
let own = [], sent = 0, waiting = [], count = 0, bytes = 0, rateCount = 0, paused = false, drawing = false;

// The connection

function path() {
  return "/sub/" + channels.map(encode).join(",");
}

function connect() {
  clearTimeout(retry);
  drop();
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const since = position ? `?since=${position}` : "";
  own = [];
  show("connecting", "connecting");
  try {
    socket = new WebSocket(`${scheme}//${location.host}${path()}${since}`, PROTOCOL);
  } catch (error) {
    show("closed", "not connected");
    return;
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    openedAt = performance.now();
    show("open", `listening to ${channels.join(", ")}`);
  };
  socket.onmessage = (event) => read(event.data);
  socket.onclose = (event) => closed(event.code, event.reason);
}

// Closes it without waiting for the rest.
function drop() {
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close(1000);
  socket = null;
}

async function closed(code, reason) {
  const closing = socket;
  const wasOpen = openedAt > 0;
  // A connection that held for a while was a good one: begin again with short waits.
  if (wasOpen && performance.now() - openedAt > 10000) attempts = 0;
  openedAt = 0;
  const why = wasOpen ? null : await refusal(path());
  // Another connection, or none, was asked for meanwhile.
  if (socket !== closing) return;
  socket = null;
  const words = CODES[code] || "unknown code";
  const said = reason || (why && why.sentence);
  const says = said ? ` The server says: ${said}` : "";
  $("close").textContent = why && why.isFinal
    ? `Refused with ${why.status} at ${clock(new Date())}.${says}`
    : `Closed with ${code} at ${clock(new Date())}: ${words}.${says}`;
  if (FINAL.has(code) || (why && why.isFinal)) {
    show("closed", why ? "refused" : "closed");
    return;
  }
  // Random, so that clients that lost the same server do not come back in step.
  const longest = Math.min(20000, 500 * 2 ** attempts++);
  dueAt = performance.now() + 250 + Math.random() * longest;
  countDown();
}

// Why the server refuses a channel, or null if it does not. Browsers hide the answer to a handshake
// from pages, but not that to a poll of the same channel.
async function refusal(path) {
  try {
    const response = await fetch(`${path}?poll=1`, { cache: "no-store" });
    return await refusalIn(response);
  } catch (error) {
    return null; // the server cannot be reached now
  }
}

async function refusalIn(response) {
  const { status } = response;
  if (status < 400) return null;
  const sentence = (await response.text()).trim().slice(0, TEXT_MAX);
  // After other statuses, such as 503, the same request may succeed later.
  return { status, sentence, isFinal: [400, 401, 403, 404, 414, 431].includes(status) };
}

function countDown() {
  const left = dueAt - performance.now();
  if (left <= 0) return connect();
  show("waiting", `connecting again in ${Math.ceil(left / 1000)} s`);
  retry = setTimeout(countDown, Math.min(left, 1000));
}

function show(state, words) {
  document.body.dataset.state = $("state").dataset.state = state;
  if ($("state").textContent !== words) $("state").textContent = words;
  $("leave").disabled = state === "closed";
  $("publish").disabled = state !== "open" || channels.length !== 1;
  $("hint").textContent = channels.length > 1 ? "To publish, listen to exactly one channel." : "";
}

// A comma separates channels, so it is the one character that a name cannot have here.
function encode(name) {
  return encodeURIComponent(name).replace(/%3A/gi, ":").replace(/'/g, "%27");
}

// For a shell: what is left unencoded may still mean something to it.
function quote(url) {
  return /[()*!]/.test(url) ? `'${url}'` : url;
}

function subscribe() {
  const names = $("channel").value.split(",").map((name) => name.trim()).filter(Boolean);
  channels = [...new Set(names)];
  if (!channels.length) return;
  $("channel").value = channels.join(",");
  history.replaceState(null, "", "#" + channels.map(encode).join(","));
  $("curl").textContent = `${curl} -d 'Hello, everyone' \\\n${quote(publishUrl + encode(channels[0]))}`;
  attempts = 0;
  position = null;
  $("close").textContent = "";
  connect();
}

// Messages

// A message of switchboard.v1: lines `name: value`, an empty line, and the payload.
function read(data) {
  const isText = typeof data === "string";
  const end = isText ? data.indexOf("\n\n") : emptyLineIn(new Uint8Array(data));
  const header = isText ? data.slice(0, end) : decoder.decode(data.slice(0, end));
  const fields = Object.fromEntries(header.split("\n").map((line) => line.split(": ")));
  // The answer to what this page has sent, which comes back to it as a message, too.
  if (fields.published) return;
  if (fields.error) return note(`not sent: ${fields.reason}`, channels[0]);
  const channel = fields.channel ? decodeURIComponent(fields.channel) : channels[0];
  position = fields.position || fields.start || fields.gap;
  if (fields.position) receive(data.slice(end + 2), channel);
  if (fields.gap) note(`missed ${fields.missed || "an unknown number of messages"} (${fields.reason})`, channel);
}

function emptyLineIn(bytes) {
  return bytes.findIndex((byte, at) => byte === 10 && bytes[at + 1] === 10);
}

function receive(data, channel) {
  const now = performance.now();
  const text = typeof data === "string" ? data : null;
  const size = text === null ? data.byteLength : encoder.encode(text).length;
  count += 1;
  bytes += size;
  rateCount += 1;
  const took = text === null ? null : takeOwn(text, now);
  if (took !== null) $("latency").textContent = `${took.toFixed(1)} ms`;
  add({ channel, text, size, took, head: text === null ? hex(data) : "" });
}

// A row that is no message, such as a gap.
function note(text, channel) {
  add({ channel, text, size: 0, took: null, head: "", isNote: true });
}

function add(row) {
  if (!paused) {
    waiting.push({ at: new Date(), ...row });
    // A page in the background draws nothing: what waits is bounded as well.
    if (waiting.length > LIST_MAX) waiting.shift();
  }
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(draw);
  }
}

// What this page sent is known by its text and order; the payload itself carries no mark.
function takeOwn(text, now) {
  own = own.filter((sent) => now - sent.at < OWN_MS);
  const place = own.findIndex((sent) => sent.text === text);
  return place < 0 ? null : now - own.splice(place, 1)[0].at;
}

function hex(buffer) {
  const first = new Uint8Array(buffer, 0, Math.min(48, buffer.byteLength));
  return Array.from(first, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function draw() {
  drawing = false;
  $("count").textContent = count.toLocaleString("en");
  $("bytes").textContent = amount(bytes);
  if (!waiting.length) return;
  const list = $("messages");
  list.prepend(...waiting.map(item).reverse());
  waiting = [];
  while (list.childElementCount > LIST_MAX) list.lastElementChild.remove();
  $("empty").hidden = true;
  pulse();
}

function item({ at, channel, text, size, took, head, isNote }) {
  const li = document.createElement("li");
  const time = document.createElement("time");
  const name = document.createElement("em");
  const body = document.createElement("span");
  name.textContent = channel;
  time.dateTime = at.toISOString();
  time.textContent = `${clock(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  if (text === null) {
    li.className = "binary";
    body.textContent = `binary, ${amount(size)}: ${head}${size > 48 ? " \u2026" : ""}`;
  } else {
    body.textContent = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)} \u2026 (${amount(size)})` : text;
  }
  if (isNote) li.className = "gap";
  li.append(time, name, body);
  if (took !== null) {
    const tag = document.createElement("b");
    tag.textContent = `yours, ${took.toFixed(1)} ms`;
    li.append(tag);
  }
  return li;
}

function clock(date) {
  return date.toTimeString().slice(0, 8);
}

function amount(size) {
  if (size < 10000) return `${size.toLocaleString("en")} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let unit = -1;
  do { size /= 1000; unit += 1; } while (size >= 1000 && unit < units.length - 1);
  return `${size.toFixed(1)} ${units[unit]}`;
}

function pulse() {
  const path = $("pulse");
  if (path.classList.contains("run")) return;
  path.classList.add("run");
  setTimeout(() => path.classList.remove("run"), 720);
}

// Controls

$("listen").onsubmit = (event) => { event.preventDefault(); subscribe(); };

$("leave").onclick = () => {
  clearTimeout(retry);
  drop();
  show("closed", "not connected");
};

$("send").onsubmit = (event) => {
  event.preventDefault();
  const text = $("message").value;
  if (!socket || socket.readyState !== WebSocket.OPEN || channels.length !== 1) return;
  if (own.length < OWN_MAX) own.push({ text, at: performance.now() });
  socket.send(`publish: ${sent += 1}\n\n${text}`);
  $("message").select();
};

$("pause").onclick = () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  $("pause").textContent = paused ? "Resume" : "Pause";
};

$("clear").onclick = () => {
  waiting = [];
  $("messages").replaceChildren();
  $("empty").hidden = false;
};

$("copy").onclick = async () => {
  try {
    await navigator.clipboard.writeText($("curl").textContent);
    $("copy").textContent = "Copied";
  } catch (error) {
    // Without https the clipboard is closed to pages: select the text instead.
    getSelection().selectAllChildren($("curl"));
    $("copy").textContent = "Selected";
  }
  setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
};

addEventListener("online", () => { if (document.body.dataset.state === "waiting") connect(); });

setInterval(() => {
  $("rate").textContent = rateCount.toLocaleString("en");
  // Read aloud only what one can listen to.
  $("messages").setAttribute("aria-live", rateCount > 2 ? "off" : "polite");
  rateCount = 0;
}, 1000);

// Opens the connection, to the channels that the address names if it names some.
function openConnection(names) {
  if (names) {
    try { $("channel").value = names.split(",").map(decodeURIComponent).join(","); } catch (error) { /* not ours */ }
  }
  subscribe();
}
