// What a page in TypeScript sees of the browser client: it need not run, only hold.

import { Switchboard } from "switchboard-push";

const client = new Switchboard("https://push.example.org", ["news"], {
  token: async () => "a.b.c",
  ways: ["websocket", "poll"],
});
const stop: () => void = client.on("message", ({ channel, data, event }) => {
  const text: string = typeof data === "string" ? data : new TextDecoder().decode(data);
  console.log(channel, text, event?.length);
});
client.on("gap", ({ missed }) => console.log(missed && missed[1] - missed[0]));
client.on("state", ({ state, way, code }) => console.log(state === "open", way === "stream", (code ?? 0) + 1));
const position: Promise<string> = client.publish(new Uint8Array(3), { channel: "news" });
// @ts-expect-error: there is no such event
client.on("massage", () => {});
// @ts-expect-error: nor such a way
new Switchboard("", "news", { ways: ["carrier pigeon"] });
stop();
void position.then(() => client.close());
