// One WebSocket client for the Python tests: every event is a line of JSON on standard output,
// every line of JSON on standard input is something to do.

import { createInterface } from "node:readline";
import WebSocket from "ws";

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const decode = (command) =>
  "text" in command ? command.text : Buffer.from(command.base64, "base64");

const socket = new WebSocket(process.argv[2], JSON.parse(process.argv[3] ?? "[]"), {
  maxPayload: 64 << 20,
});

socket.on("open", () => say({ event: "open", protocol: socket.protocol }));
socket.on("message", (data, isBinary) =>
  say(
    isBinary
      ? { event: "message", base64: data.toString("base64") }
      : { event: "message", text: data.toString("utf8") },
  ),
);
socket.on("pong", (data) => say({ event: "pong", base64: data.toString("base64") }));
socket.on("unexpected-response", (_, response) => {
  say({ event: "refused", status: response.statusCode, headers: response.headers });
  process.exit(0);
});
socket.on("error", (error) => say({ event: "error", message: error.message }));
socket.on("close", (code, reason) => {
  say({ event: "close", code, reason: reason.toString("utf8") });
  process.exit(0);
});

const commands = {
  send: (command) => socket.send(decode(command)),
  ping: (command) => socket.ping(decode(command)),
  close: (command) => socket.close(command.code, command.reason),
};
createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
});
