"use strict";
// Four clients of one channel. Each has a tally, starts where it stood, and can be stopped.

// A client that is told of each message with its text.
class Way {
  constructor(path, listen) {
    this.path = path;
    this.listen = listen;
    this.tally = new Tally();
    this.position = null;
    this.running = false;
    // Called with the server's sentence when it refuses the channel, and with nothing at a start.
    this.onrefused = () => {};
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.onrefused("");
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

  // It could not be opened, or was lost: again, unless the server refuses the channel. `client` is
  // what failed; another may have been opened by the time the answer is there.
  async recover(client) {
    const why = await refusal(this.path);
    if (!this.running || client !== this.client) return;
    if (why && why.isFinal) this.refuse(why); else this.later(RETRY_MS);
  }

  // Trying again would end the same way.
  refuse({ status, sentence }) {
    this.stop();
    this.onrefused(`Refused with ${status}: ${sentence}`);
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
    const why = await refusalIn(response);
    if (why) throw Object.assign(new Error(response.statusText), { why });
    const body = await response.text();
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
      if (run === this.run && error.why && error.why.isFinal) return this.refuse(error.why);
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
    // The first question is where the channel stands: what is published later is awaited.
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
  static HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n" +
    "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n" +
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\r\n" +
    "1c\r\nretry: 2000\nid: 12345678-1\n\n\r\n";

  open() {
    const query = this.position ? `?last_event_id=${this.position}` : "";
    const source = this.client = new EventSource(this.path + query);
    source.onopen = () => {
      const headers = { Accept: "text/event-stream", "Cache-Control": "no-cache" };
      if (this.position) headers["Last-Event-ID"] = this.position;
      this.tally.opened(wire.request(this.path + query, headers), wire.text(Stream.HEAD));
    };
    source.onmessage = ({ data, lastEventId }) => {
      this.position = lastEventId;
      this.tally.received += wire.chunk(`id: ${lastEventId}\ndata: ${data}\n\n`);
      this.hear(data);
    };
    source.onerror = () => {
      this.tally.release();
      // The browser comes back by itself unless the answer was no event stream.
      if (source.readyState === EventSource.CLOSED) this.recover(source);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.client.close();
  }
}

class Socket extends Way {
  // As for the other ways, without what browsers add of their own, such as extensions.
  static HANDSHAKE = {
    Origin: location.origin, Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": PROTOCOL,
  };
  static ANSWER = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: switchboard.v1\r\n\r\n";

  open() {
    const query = this.position ? `?since=${this.position}` : "";
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.client = new WebSocket(`${scheme}//${location.host}${this.path}${query}`, PROTOCOL);
    socket.onopen = () => {
      this.tally.opened(wire.request(this.path + query, Socket.HANDSHAKE), wire.text(Socket.ANSWER));
    };
    socket.onmessage = ({ data }) => {
      const bytes = wire.frame(wire.text(data));
      const end = data.indexOf("\n\n");
      const [kind, position] = data.slice(0, end).split("\n")[0].split(": ");
      this.position = position;
      this.tally.received += bytes;
      if (kind === "start") this.tally.opening += bytes;
      if (kind === "position") this.hear(data.slice(end + 2));
    };
    socket.onclose = () => {
      this.tally.release();
      this.recover(socket);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.client.onclose = null;
    this.client.close(1000);
  }
}
