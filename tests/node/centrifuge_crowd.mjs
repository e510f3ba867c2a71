// Many clients of the npm SDK `centrifuge` in one process, for the Python tests. Each listens to one channel and
// keeps the numbers that it gets. A line on standard input asks for something, a line of JSON answers.

import { createInterface } from "node:readline";
import { Centrifuge } from "centrifuge";
import { EventSource } from "eventsource";
import WebSocket from "ws";

const { transports, emulationEndpoint, channels, count } = JSON.parse(process.argv[2]);

const options = {
  websocket: WebSocket,
  eventsource: EventSource,
  emulationEndpoint,
  minReconnectDelay: 20,
  maxReconnectDelay: 200,
};

const clients = Array.from({ length: count }, (_, number) => {
  const client = new Centrifuge(transports, options);
  const channel = channels[number % channels.length];
  const seen = { channel, numbers: [], subscribed: 0, recovered: 0, lost: 0, ended: [] };
  const subscription = client.newSubscription(channel, { minResubscribeDelay: 20, maxResubscribeDelay: 200 });
  subscription.on("publication", ({ data }) => seen.numbers.push(data));
  subscription.on("subscribed", ({ wasRecovering, recovered }) => {
    seen.subscribed += 1;
    seen.recovered += wasRecovering && recovered ? 1 : 0;
    seen.lost += wasRecovering && !recovered ? 1 : 0;
  });
  // It must never come to that.
  subscription.on("unsubscribed", ({ code, reason }) => seen.ended.push([code, reason]));
  client.on("disconnected", ({ code, reason }) => seen.ended.push([code, reason]));
  subscription.subscribe();
  client.connect();
  return seen;
});

const sum = (what) => clients.reduce((total, seen) => total + what(seen), 0);

const answers = {
  counts: () => ({
    listening: sum((seen) => (seen.subscribed > 0 ? 1 : 0)),
    recovered: sum((seen) => seen.recovered),
    lost: sum((seen) => seen.lost),
    numbers: sum((seen) => seen.numbers.length),
    ended: clients.flatMap((seen) => seen.ended),
  }),
  seen: () => clients,
};

createInterface({ input: process.stdin })
  .on("line", (line) => process.stdout.write(JSON.stringify(answers[line]()) + "\n"))
  .on("close", () => process.exit(0));
