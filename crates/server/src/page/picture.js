"use strict";
// The second view: publishes messages, lets four clients wait for them, and shows what that cost.
const picture = (() => {
  const WINDOW_MS = 20000, SAID_MAX = 1000, SAY_PAUSE_MS = 100;
  const CHANNEL = "demo:ways-" + crypto.getRandomValues(new Uint32Array(2)).join("-");
  const PATH = "/sub/" + CHANNEL;
  const TEXT = "the ferry leaves from pier 4 in ten minutes";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const said = new Map();
  const listen = (text) => said.get(text);
  const interval = new IntervalPoll(PATH, listen);
  const WAYS = [
    ["interval", "Interval poll", "Asks again and again; most answers are empty.", interval],
    ["long", "Long poll", "Asks; the answer waits for a message.", new LongPoll(PATH, listen)],
    ["stream", "Event stream", "One request, one endless response.", new Stream(PATH, listen)],
    ["websocket", "WebSocket", "One connection, open both ways.", new Socket(PATH, listen)],
  ];
  const ways = WAYS.map(([, , , way]) => way);
  const rows = WAYS.map(row);
  let publisher = null, automatic = true, running = false, number = 0, sayTimer = 0, showTimer = 0, frame = 0;

  function row([name, title, words, way]) {
    const item = $("way").content.firstElementChild.cloneNode(true);
    item.dataset.way = name;
    item.querySelector("h3").textContent = title;
    item.querySelector("p").textContent = words;
    way.onrefused = (sentence) => { item.querySelector("p").textContent = sentence || words; };
    $("ways").append(item);
    return item;
  }

  // Publishing

  function connectPublisher() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    publisher = new WebSocket(`${scheme}//${location.host}${PATH}`);
    publisher.onopen = () => {
      state("Listening. A message comes about every two seconds while you watch.");
      $("say").disabled = false;
      sayLater();
    };
    publisher.onclose = async ({ code }) => {
      const closing = publisher;
      $("say").disabled = true;
      clearTimeout(sayTimer);
      const why = code === 1006 ? await refusal(PATH) : null;
      // The view was left meanwhile, and may be back with another one.
      if (publisher !== closing) return;
      publisher = null;
      if (why && why.isFinal) {
        state(`The server refuses the channel of this view, so there is nothing to compare: ${why.sentence}`);
        return;
      }
      if (code === 1008) {
        state("Pages may not publish on this server (its key demo is off), so there are no messages: you see what waiting alone costs.");
        return;
      }
      state("The publishing connection is broken; trying again.");
      if (running) sayTimer = setTimeout(connectPublisher, RETRY_MS);
    };
  }

  function say() {
    if (!publisher || publisher.readyState !== WebSocket.OPEN) return;
    const text = `Update ${number += 1}: ${TEXT}`;
    said.set(text, performance.now());
    if (said.size > SAID_MAX) said.delete(said.keys().next().value);
    publisher.send(text);
    // A server lets each client publish so often and no more.
    $("say").disabled = true;
    setTimeout(() => { $("say").disabled = !publisher; }, SAY_PAUSE_MS);
    sayLater();
  }

  function sayLater() {
    clearTimeout(sayTimer);
    if (automatic && running) sayTimer = setTimeout(say, 1000 + Math.random() * 2000);
  }

  function state(words) {
    $("ways-state").textContent = words;
  }

  // Showing

  function show() {
    const tallies = ways.map((way) => way.tally);
    const most = { cost: Math.max(...tallies.map((t) => t.cost || 0)), age: Math.max(...tallies.map((t) => t.age || 0)) };
    tallies.forEach((tally, n) => {
      const fields = {
        requests: tally.requests.toLocaleString("en"),
        empty: tally.empty.toLocaleString("en"),
        sent: amount(tally.sent),
        received: amount(tally.received),
        cost: tally.cost === null ? "\u2013" : amount(Math.round(tally.cost)),
        age: tally.age === null ? "\u2013" : milliseconds(tally.age),
      };
      for (const [name, text] of Object.entries(fields)) write(rows[n].querySelector(`[data-is=${name}]`), text);
      for (const name of ["cost", "age"]) {
        const share = most[name] ? 100 * (tally[name] || 0) / most[name] : 0;
        rows[n].querySelector(`[data-bar=${name}]`).style.width = `${share}%`;
      }
      rows[n].dataset.messages = tally.messages;
    });
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function milliseconds(ms) {
    return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString("en")} ms`;
  }

  function draw() {
    const now = performance.now();
    const style = getComputedStyle(document.body);
    const colour = (name) => style.getPropertyValue(name);
    const colours = { live: colour("--live"), soft: colour("--soft"), wait: colour("--wait") };
    rows.forEach((item, n) => {
      ways[n].tally.forget(now - WINDOW_MS);
      lane(item.querySelector("canvas"), ways[n].tally, now, colours);
    });
  }

  // One way in time: messages published and received, empty requests, connections held open.
  function lane(canvas, tally, now, { live, soft, wait }) {
    const scale = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const context = canvas.getContext("2d"), middle = height / 2;
    const x = (at) => width - 8 - (now - at) / WINDOW_MS * width;
    const bar = (from, to, thick, style) => {
      context.fillStyle = style;
      context.fillRect(x(from), middle - thick / 2, Math.max(1, x(to) - x(from)), thick);
    };
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.fillStyle = soft;
    for (const at of said.values()) if (at > now - WINDOW_MS) context.fillRect(x(at), 0, 1, height);
    context.globalAlpha = .45;
    for (const { from, to } of tally.spans) bar(from, to ?? now, 3, live);
    context.globalAlpha = 1;
    for (const { at, said } of tally.dots) if (said !== null) bar(said, at, 2, wait);
    for (const { at, said } of tally.dots) {
      context.beginPath();
      context.arc(x(at), middle, said === null ? 3 : 5, 0, 2 * Math.PI);
      context.lineWidth = 1.5;
      context.strokeStyle = soft;
      context.fillStyle = live;
      if (said === null) context.stroke(); else context.fill();
    }
  }

  function animate() {
    draw();
    frame = calm.matches ? setTimeout(animate, 1000) : requestAnimationFrame(animate);
  }

  // Controls

  $("ways-controls").onsubmit = (event) => { event.preventDefault(); say(); };

  $("automatic").onclick = () => {
    automatic = !automatic;
    $("automatic").setAttribute("aria-pressed", automatic);
    $("automatic").textContent = `Automatic: ${automatic ? "on" : "off"}`;
    sayLater();
  };

  $("interval").onchange = () => { interval.interval = Number($("interval").value); };

  $("again").onclick = () => {
    for (const way of ways) {
      const { spans } = way.tally;
      way.tally.reset();
      way.tally.spans = spans;
    }
    said.clear();
    show();
  };

  return {
    start() {
      if (running) return;
      running = true;
      for (const way of ways) way.start();
      connectPublisher();
      showTimer = setInterval(show, 250);
      animate();
    },

    stop() {
      if (!running) return;
      running = false;
      for (const way of ways) way.stop();
      if (publisher) {
        publisher.onclose = null;
        publisher.close(1000);
        publisher = null;
      }
      clearTimeout(sayTimer);
      clearInterval(showTimer);
      cancelAnimationFrame(frame);
      clearTimeout(frame);
      $("say").disabled = true;
    },
  };
})();
