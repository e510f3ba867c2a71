// Echo, broadcast and publications by HTTP on Bun, whose WebSockets are those of uWebSockets: native topics, no
// compression. The address is the only argument.
const [hostname, port] = (process.argv[2] ?? "").split(":");
if (!port) throw new Error("usage: bun server.js ADDRESS:PORT");

// As on the others: 201 where it has subscribers, 202 where it has none.
async function publish(topic, request) {
  const sent = server.publish(topic, await request.text());
  return new Response(null, { status: sent === 0 ? 202 : 201 });
}

const server = Bun.serve({
  hostname,
  port: Number(port),
  fetch(request) {
    const path = new URL(request.url).pathname;
    const [, role, topic = ""] = path.split("/");
    if (role !== "echo" && !(topic && (role === "sub" || role === "pub"))) {
      return new Response("not found", { status: 404 });
    }
    if (role === "pub" && request.method === "POST") return publish(topic, request);
    if (server.upgrade(request, { data: { role, topic } })) return undefined;
    return new Response("a WebSocket is wanted here", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    // What does not fit is dropped without a word, so it must be far more than is ever under way.
    backpressureLimit: 16 << 20,
    // Longer than any run: no pings while memory and CPU are measured.
    idleTimeout: 960,
    open(socket) {
      if (socket.data.role === "sub") socket.subscribe(socket.data.topic);
    },
    message(socket, message) {
      if (socket.data.role === "echo") socket.send(message);
      else if (socket.data.role === "pub") server.publish(socket.data.topic, message);
    },
  },
});
