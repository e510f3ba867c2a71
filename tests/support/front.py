"""A real proxy in front of a server, run without privileges as `docs/deploy.md` configures it."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from .ports import free_port
from .server import ROOT, STARTS_MAX

DOCUMENT = (ROOT / "docs/deploy.md").read_text()
# A block of configuration whose first line, a comment, says in which file it belongs.
BLOCKS = dict(re.findall(r"```\w+\n# (\S+)[^\n]*\n(.*?)```", DOCUMENT, re.DOTALL))
READY_WITHIN_S = 15
STOPPED_WITHIN_S = 1


def replaced(text, changes):
    """The text with each of the changes, which must all apply: the document may not lose a line."""
    for old, new in changes.items():
        assert old in text, f"docs/deploy.md has no {old!r} any more"
        text = text.replace(old, new)
    return text


class Certificate:
    """A certificate for `localhost` that nobody signed."""

    def __init__(self, folder):
        self.pem, self.key, self.both = (folder / name for name in ("pem", "key", "both"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", self.pem, "-keyout", self.key],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        self.both.write_bytes(self.pem.read_bytes() + self.key.read_bytes())


class Front:
    """A running proxy. `port`, `host` and `url` are as a server's, so clients can be sent to it, by TLS."""

    program: str
    # The idle timeouts in the document, and some 2.5 s in the same words.
    timeouts: dict[str, str] = {}

    def __init__(self, server, short_timeouts=False):
        self.server = server
        self.short_timeouts = short_timeouts
        program = shutil.which(self.program, path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, f"{self.program} is missing: scripts/test.sh integration installs it"
        # Not pytest's folder: the proxy's user could not enter it.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"switchboard-{self.program}-"))
        self.certificate = Certificate(self.folder)
        self.context = ssl.create_default_context(cafile=self.certificate.pem)
        self.process = None
        try:
            self._start_somewhere(program)
        except BaseException:
            self.stop()
            raise

    def _start_somewhere(self, program):
        """Starts it on a free port, or on another where that was taken in the meantime."""
        for attempt in range(STARTS_MAX):
            self.port = free_port()
            config = self.configuration()
            if self.short_timeouts:
                config = replaced(config, self.timeouts)
            (self.folder / "config").write_text(config)
            self._start(program)
            if self._wait_until_ready():
                return
            if "in use" not in self.output() or attempt + 1 == STARTS_MAX:
                raise AssertionError(f"{self.program} did not start:\n{self.output()}")

    def configuration(self):
        """The document's configuration with ports and paths of this test."""
        raise NotImplementedError

    def command(self, program):
        """The command that runs it in the foreground."""
        raise NotImplementedError

    def _start(self, program):
        user = {}
        (self.folder / "log").touch()
        if os.geteuid() == 0:
            user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "nobody", "nogroup")
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(program),
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **user,
            )

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if self.health() == 200:
                return True
            time.sleep(0.02)
        raise AssertionError(f"{self.program} was not ready in {READY_WITHIN_S} s:\n{self.output()}")

    def health(self):
        """The status of `/health` through the proxy; 0 where there is no answer."""
        try:
            with self.open("/health") as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def open(self, path, headers=None, timeout=15):
        """A request through the proxy, with whatever answer it gets."""
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.context)
        opener = urllib.request.build_opener(*handlers)
        return opener.open(urllib.request.Request(self.url(path), headers=headers or {}), timeout=timeout)

    def output(self):
        return (self.folder / "log").read_text(errors="replace")

    @property
    def host(self):
        return f"localhost:{self.port}"

    def url(self, path):
        return f"https://{self.host}{path}"

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPPED_WITHIN_S)
            # Its workers too. Some wait for ten seconds and longer for clients that are still there.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # What the configurations have in common.

    def upstreams(self):
        return {f"{address}:8000": f"{address}:{self.server.port}" for address in ("127.0.0.1", "127.0.0.2")}

    def certificates(self):
        return {
            "/etc/ssl/push.example.org.pem": str(self.certificate.pem),
            "/etc/ssl/push.example.org.key": str(self.certificate.key),
        }


class Nginx(Front):
    program = "nginx"
    timeouts = {"proxy_read_timeout 90s;": "proxy_read_timeout 2500ms;",
                "proxy_send_timeout 90s;": "proxy_send_timeout 2500ms;"}  # fmt: skip

    def configuration(self):
        main = replaced(
            BLOCKS["/etc/nginx/nginx.conf,"], {"auto": "1", "200000": "1000", "100000": "500"}
        )
        site = replaced(
            BLOCKS["/etc/nginx/conf.d/switchboard.conf"],
            {
                **self.upstreams(),
                **self.certificates(),
                "listen 443 ": f"listen 127.0.0.1:{self.port} ",
                # A machine may have no IPv6.
                "    listen [::]:443 ssl http2;\n": "",
            },
        )
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        own = f"daemon off;\npid {self.folder}/pid;\n"
        return f"{own}{main}http {{\naccess_log off;\n{temporary}{site}}}\n"

    def command(self, program):
        return [program, "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "config")]


class HAProxy(Front):
    program = "haproxy"
    timeouts = {f"timeout {side} 90s": f"timeout {side} 2500ms" for side in ("client", "server", "tunnel")}

    def configuration(self):
        return replaced(
            BLOCKS["/etc/haproxy/haproxy.cfg"],
            {
                **self.upstreams(),
                "/etc/haproxy/push.example.org.pem": str(self.certificate.both),
                "bind :443": f"bind 127.0.0.1:{self.port}",
                "maxconn 100000": "maxconn 500",
            },
        )

    def command(self, program):
        return [program, "-db", "-f", str(self.folder / "config")]


class Caddy(Front):
    program = "caddy"

    def configuration(self):
        certificate = f"tls {self.certificate.pem} {self.certificate.key}"
        site = replaced(
            BLOCKS["/etc/caddy/Caddyfile"],
            {
                **self.upstreams(),
                "push.example.org {": f"https://localhost:{self.port} {{\n\tbind 127.0.0.1\n\t{certificate}",
            },
        )
        # Without its API and a listener that redirects from port 80; it ends with streams still open.
        return f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tgrace_period 1s\n}}\n{site}"

    def command(self, program):
        return [program, "run", "--adapter", "caddyfile", "--config", str(self.folder / "config")]


class Apache(Front):
    program = "apache2"
    timeouts = {"timeout=90": "timeout=3"}
    modules = ["mpm_event", "authz_core", "env", "socache_shmcb", "ssl", "proxy", "proxy_http"]

    def configuration(self):
        workers = replaced(
            BLOCKS["/etc/apache2/mods-available/mpm_event.conf"], {"        64": " 1", "4096": "64"}
        )
        site = replaced(
            BLOCKS["/etc/apache2/sites-available/switchboard.conf"],
            {
                "127.0.0.1:8000": f"127.0.0.1:{self.server.port}",
                **self.certificates(),
                "*:443": f"127.0.0.1:{self.port}",
            },
        )
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in self.modules
        )
        own = (
            f"ServerRoot {self.folder}\nDefaultRuntimeDir {self.folder}\nPidFile {self.folder}/pid\n"
            f"ErrorLog {self.folder}/log\nServerName localhost\nListen 127.0.0.1:{self.port}\n"
        )
        return f"{modules}{own}{workers}{site}"

    def command(self, program):
        return [program, "-D", "FOREGROUND", "-f", str(self.folder / "config")]


FRONTS = {"nginx": Nginx, "haproxy": HAProxy, "caddy": Caddy, "apache": Apache}
# Those that speak HTTP/2 as the document configures them.
HTTP2 = ["nginx", "haproxy", "caddy"]
