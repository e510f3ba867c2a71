"""A backend whose answers are the test's: hooks of the server come here."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WITHIN_S = 15


class Backend:
    """Answers each path with what `answers` has for it: a dict, a function of the question, or bytes as they are."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []
        self.changed = threading.Condition()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                backend.answer(self, self.path.strip("/"), body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True)
        self.thread.start()

    def answer(self, handler, name, body):
        question = json.loads(body)
        with self.changed:
            self.asked.append((name, question, handler.headers, body))
            self.changed.notify_all()
        answer = self.answers.get(name, {})
        if callable(answer):
            answer = answer(question)
        if answer is None:  # not a word
            handler.connection.close()
            return
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        with contextlib.suppress(OSError):
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

    def questions(self, name):
        return [question for asked, question, _, _ in self.asked if asked == name]

    def wait_for(self, name, count=1):
        """The questions of a hook, once there are so many."""
        with self.changed:
            done = self.changed.wait_for(lambda: len(self.questions(name)) >= count, WITHIN_S)
        assert done, f"{len(self.questions(name))} of {count} questions to {name}"
        return self.questions(name)

    def wait_for_events(self, wanted):
        """The events told so far, once `wanted` of them says yes."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            told = [event for question in self.questions("events") for event in question["events"]]
            if wanted(told):
                return told
            with self.changed:
                self.changed.wait(0.2)
        raise AssertionError(told)

    def config(self, *hooks, **keys):
        """The part of a configuration file that brings these hooks here."""
        lines = []
        for hook in hooks:
            lines += [f"[hook.{hook}]", f'url = "http://127.0.0.1:{self.port}/{hook}"']
            if hook in ("connect", "subscribe"):
                lines.append('headers = ["Cookie"]')
            lines += [f"{key} = {value}" for key, value in keys.items()]
        return "\n".join(lines) + "\n"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
