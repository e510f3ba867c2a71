// Calls of Centrifugo's API by its library for Node: `node cent.mjs URL KEY CHANNEL`.
import cent from "cent.js";

const [url, apiKey, channel] = process.argv.slice(2);
const client = new cent.CentClient({ url, apiKey });
const published = await client.publish({ channel, data: { n: 1 } });
const broadcast = await client.broadcast({ channels: [channel], data: { n: 2 } });
let refused = null;
try {
  await client.publish({ channel: "", data: {} });
} catch (error) {
  refused = String(error.code ?? error.message);
}
console.log(JSON.stringify({ published, broadcast, refused }));
