"use strict";
// What one way to wait has cost and brought so far.
class Tally {
  constructor() { this.reset(); }

  reset() {
    this.requests = this.empty = this.sent = this.received = this.opening = this.messages = 0;
    this.ages = [];
    // What the picture shows: answers, and spans in which a connection was held open.
    this.dots = [];
    this.spans = [];
  }

  asked(bytes) {
    this.requests += 1;
    this.sent += bytes;
  }

  // A connection that stays open is there: what that takes once is no part of a message's cost.
  opened(sent, received) {
    this.asked(sent);
    this.received += received;
    this.opening += sent + received;
    this.hold();
  }

  hold() { this.spans.push({ from: performance.now(), to: null }); }

  release() {
    const span = this.spans.at(-1);
    if (span && span.to === null) span.to = performance.now();
  }

  heardNothing() {
    this.empty += 1;
    this.dots.push({ at: performance.now(), said: null });
  }

  // A message that this page published at `said`, by the same clock.
  heard(said) {
    const at = performance.now();
    this.messages += 1;
    this.ages.push(at - said);
    if (this.ages.length > 200) this.ages.shift();
    this.dots.push({ at, said });
  }

  get cost() {
    return this.messages ? (this.sent + this.received - this.opening) / this.messages : null;
  }

  get age() {
    if (!this.ages.length) return null;
    return this.ages.toSorted((a, b) => a - b)[this.ages.length >> 1];
  }

  // Forgets what is older than the picture.
  forget(before) {
    this.dots = this.dots.filter((dot) => dot.at >= before);
    this.spans = this.spans.filter((span) => span.to === null || span.to >= before);
  }
}

// Bytes that a page can know of what its browser sends and receives.
const wire = {
  text: (text) => encoder.encode(text).length,

  // A request: its line, and the headers that are known. The browser's own come on top.
  request(path, headers) {
    const known = {
      Host: location.host,
      Connection: "keep-alive",
      "User-Agent": navigator.userAgent,
      Referer: location.origin + "/",
      ...headers,
    };
    if (known.Origin) delete known.Referer; // a handshake has the one, a request the other
    return this.text(`GET ${path} HTTP/1.1\r\n`) + this.headers(known);
  },

  headers(headers) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return this.text(lines.join("") + "\r\n");
  },

  // The head of an answer: of the same origin, a page sees every header.
  head(response) {
    const line = `HTTP/1.1 ${response.status} ${response.statusText}\r\n`;
    return this.text(line) + this.headers(Object.fromEntries(response.headers));
  },

  // A chunk of the server around a text.
  chunk(text) {
    const bytes = this.text(text);
    return bytes + bytes.toString(16).length + 4;
  },

  // A frame of the server around so many bytes.
  frame: (bytes) => bytes + (bytes < 126 ? 2 : bytes < 65536 ? 4 : 10),
};
