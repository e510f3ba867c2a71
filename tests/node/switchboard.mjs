// The browser client in Node: every event is a line of JSON on standard output. With `ws`, Node gets the WebSocket
// that it lacks before version 22.

import WebSocket from "ws";
import { Switchboard } from "../../clients/js/switchboard.js";

const [server, channel, library] = process.argv.slice(2);
globalThis.WebSocket = library === "ws" ? WebSocket : undefined;
const client = new Switchboard(server, channel);
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
client.on("state", ({ state, way }) => say({ state, way }));
client.on("message", ({ data }) => {
  say({ message: data });
  if (data === "end") client.close();
});
