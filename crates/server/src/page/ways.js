"use strict";
// Four clients of one channel. Each has a tally, starts where it stood, and can be stopped.

// A client that is told of each news with its text.
class Way {
  constructor(path, listen) {
    this.path = path;
    this.listen = listen;
    this.tally = new Tally();
    this.position = null;
    this.running = false;
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.open();
  }

  stop() {
    if (!this.running) return;
    this.running = false;
    this.close();
    this.tally.release();
  }

  hear(text) {
    const said = this.listen(text);
    if (said !== undefined) this.tally.heard(said);
  }

  // As a browser's own EventSource does: again, after a little while.
  later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (this.running) this.open(); }, ms);
  }
}

// What both ways of polling do: GET, take the validators, repeat with them.
class Poll extends Way {
  close() {
    clearTimeout(this.timer);
    this.request.abort();
  }

  async ask(query, accept) {
    const headers = { Accept: accept };
    if (this.position) headers["If-None-Match"] = this.position;
    this.request = new AbortController();
    this.tally.asked(wire.request(this.path + query, headers));
    const response = await fetch(this.path + query, { headers, signal: this.request.signal, cache: "no-store" });
    const body = await response.text();
    if (response.status !== 200 && response.status !== 304) throw new Error(response.statusText);
    this.tally.received += wire.head(response) + wire.text(body);
    this.position = response.headers.get("ETag");
    if (response.status === 304) this.tally.heardNothing();
    return response.status === 200 ? body : null;
  }

  async open() {
    // Stopped and started again meanwhile, another turn has begun, and this one must not go on.
    const run = this.run = {};
    let pause = RETRY_MS;
    try {
      pause = await this.turn();
    } catch (error) {
      // Stopped, or the server cannot be reached now.
    }
    if (run !== this.run) return;
    this.tally.release();
    this.later(pause);
  }
}

const RETRY_MS = 2000;

class IntervalPoll extends Poll {
  interval = 1000;

  // Where it stands, then what is new since then, all of it in one answer.
  async turn() {
    const began = performance.now();
    const body = await this.ask("?poll=1", "application/json");
    for (const item of body ? JSON.parse(body) : []) if (!item.gap) this.hear(item.data);
    return Math.max(0, this.interval - (performance.now() - began));
  }
}

class LongPoll extends Poll {
  async turn() {
    // The first question is where the channel stands: what is said later is news.
    if (!this.position) {
      await this.ask("?poll=1", "*/*");
      return 0;
    }
    this.tally.hold();
    const text = await this.ask("", "*/*");
    if (text !== null) this.hear(text);
    return 0;
  }
}

class Stream extends Way {
  // As this server writes it; a page does not see the head of an EventSource.
  static HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
    "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nd\r\nretry: 2000\n\n\r\n";

  open() {
    const query = this.position ? `?last_event_id=${this.position}` : "";
    this.source = new EventSource(this.path + query);
    this.source.onopen = () => {
      const headers = { Accept: "text/event-stream", "Cache-Control": "no-cache" };
      if (this.position) headers["Last-Event-ID"] = this.position;
      this.tally.asked(wire.request(this.path + query, headers));
      this.tally.received += wire.text(Stream.HEAD);
      this.tally.hold();
    };
    this.source.onmessage = ({ data, lastEventId }) => {
      this.position = lastEventId;
      const bytes = wire.text(`id: ${lastEventId}\ndata: ${data}\n\n`);
      // A chunk: the size, a line end before the data and one behind it.
      this.tally.received += bytes.toString(16).length + 2 + bytes + 2;
      this.hear(data);
    };
    this.source.onerror = () => {
      this.tally.release();
      // The browser comes back by itself unless the answer was no event stream.
      if (this.source.readyState === EventSource.CLOSED && this.running) this.later(RETRY_MS);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source.close();
  }
}

class Socket extends Way {
  static PROTOCOL = "switchboard.v1";
  static HANDSHAKE = {
    Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": Socket.PROTOCOL,
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
  };
  static ANSWER = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: switchboard.v1\r\n\r\n";

  open() {
    const query = this.position ? `?since=${this.position}` : "";
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}${this.path}${query}`, Socket.PROTOCOL);
    this.socket.onopen = () => {
      this.tally.asked(wire.request(this.path + query, Socket.HANDSHAKE));
      this.tally.received += wire.text(Socket.ANSWER);
      this.tally.hold();
    };
    this.socket.onmessage = ({ data }) => {
      this.tally.received += wire.frame(wire.text(data));
      const end = data.indexOf("\n\n");
      const [kind, position] = data.slice(0, end).split("\n")[0].split(": ");
      this.position = position;
      if (kind === "position") this.hear(data.slice(end + 2));
    };
    this.socket.onclose = () => {
      this.tally.release();
      if (this.running) this.later(RETRY_MS);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.socket.onclose = null;
    this.socket.close(1000);
  }
}
