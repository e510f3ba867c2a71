// One client of the npm SDK `centrifuge` for the Python tests: every event is a line of JSON on standard
// output, every line of JSON on standard input is something to do.

import { createInterface } from "node:readline";
import { Centrifuge } from "centrifuge";
import { EventSource } from "eventsource";
import WebSocket from "ws";

const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const { url, hasTokens = false, ...options } = JSON.parse(process.argv[2]);

let give;
function getToken() {
  say({ event: "token" });
  return new Promise((resolve) => (give = resolve));
}

const client = new Centrifuge(url, {
  websocket: WebSocket,
  eventsource: EventSource,
  minReconnectDelay: 20,
  maxReconnectDelay: 200,
  // Each time that it needs one, the test is asked.
  ...(hasTokens && { getToken }),
  ...options,
});
for (const name of ["connecting", "connected", "disconnected", "error", "message"]) {
  client.on(name, (context) => say({ event: name, ...context, error: context.error?.message }));
}
for (const name of ["subscribed", "subscribing", "unsubscribed", "publication", "join", "leave"]) {
  client.on(name, (context) => say({ event: `server ${name}`, ...context }));
}

const subscriptions = new Map();
const events = ["subscribing", "subscribed", "unsubscribed", "publication", "join", "leave", "error"];

// Those of subscriptions are asked for in the same way.
const giveOf = new Map();
function getSubscriptionToken({ channel }) {
  say({ event: "subscription token", channel });
  return new Promise((resolve) => giveOf.set(channel, resolve));
}

function subscribe({ channel, options, hasTokens = false }) {
  const subscription = client.newSubscription(channel, {
    minResubscribeDelay: 20,
    maxResubscribeDelay: 200,
    ...(hasTokens && { getToken: getSubscriptionToken }),
    ...options,
  });
  subscriptions.set(channel, subscription);
  for (const name of events) {
    subscription.on(name, (context) => say({ event: name, ...context }));
  }
  subscription.subscribe();
}

// What has an answer says it, or the code of the error.
const answered = {
  publish: ({ channel, data }) => client.publish(channel, data),
  rpc: ({ method, data }) => client.rpc(method, data),
  history: ({ channel, options }) => client.history(channel, options),
  presence: ({ channel }) => client.presence(channel),
  presenceStats: ({ channel }) => client.presenceStats(channel),
  send: ({ data }) => client.send(data),
};

const commands = {
  token: ({ token }) => give(token),
  "subscription token": ({ channel, token }) => giveOf.get(channel)(token),
  connect: () => client.connect(),
  disconnect: () => client.disconnect(),
  subscribe,
  unsubscribe: ({ channel }) => subscriptions.get(channel).unsubscribe(),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { do: what, ...command } = JSON.parse(line);
    if (what in commands) {
      commands[what](command);
      return;
    }
    answered[what](command).then(
      (result) => say({ event: what, ...result }),
      (error) => say({ event: "refused", code: error.code, message: error.message }),
    );
  })
  .on("close", () => process.exit(0));
