"""What the end-to-end tests share: a simulated Hub, a server, and clients, ended after each test."""
import base64
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ADMIN = ("admin", "password")
MIB = 1024 * 1024
PLAIN = {"HUBCACHE_CONTENT_XET": "off"}  # clients with hf_xet then ask as those without it


class Process:
    """A program whose log goes to a file; ended with the test."""

    def __init__(self, command, log, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [str(c) for c in command], stdout=out, stderr=out, stdin=stdin, env=env, cwd=cwd)
        self.pid = self.process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern, seconds=20, after=0):
        """The first match of `pattern` in the log behind offset `after`; fails when the program
        ends first."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text()[after:])
            if found:
                return found
            assert self.process.poll() is None, f"{self.log.name} ended: {self.text()[-2000:]}"
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.log}: {self.text()[-2000:]}"
            time.sleep(0.02)

    def stop(self, sig=signal.SIGTERM, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(seconds)


class Hubsim(Process):
    """The simulated Hub (tests/hubsim/README.md has its world and its controls)."""

    def __init__(self, program, folder, arguments=(), port=0, cdn_port=0, seconds=20):
        super().__init__([program, "--port", port, "--cdn-port", cdn_port, "--seed-repos",
                          *arguments], folder / "hubsim.log")
        line = self.wait_for(r"hubsim listening on (http://127\.0\.0\.1:(\d+)) "
                             r"cdn (http://127\.0\.0\.1:(\d+))\s", seconds)
        self.url, self.port, self.cdn, self.cdn_port = (
            line[1], int(line[2]), line[3], int(line[4]))

    def control(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/_sim/" + path, data=data,
                                         method="GET" if body is None else "POST",
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def requests(self, host=None, method=None, part=""):
        return [r for r in self.control("log")
                if (host is None or r["host"] == host) and (method is None or r["method"] == method)
                and part in r["target"]]

    def forget(self):
        self.control("log/clear", {})

    def body_bytes(self, part=""):
        return sum(r["body_bytes"] for r in self.requests(part=part))

    def fault(self, **fields):
        self.control("fault", fields)

    def clear_faults(self):
        self.control("faults/clear", {})

    def release(self):
        self.control("release", {})


class Gate(Process):
    """A bad network before a port (tests/gate/main.cpp has its commands)."""

    def __init__(self, program, port, log):
        super().__init__([program, port], log, stdin=subprocess.PIPE)
        self.port = int(self.wait_for(r"gate listening on (\d+)")[1])

    def tell(self, command):
        before = self.text().count("ok\n")
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        wait_until(lambda: self.text().count("ok\n") > before, "the gate obeys")

    def down(self, weather):
        """What befalls the bytes that the server behind it sends, from now on."""
        self.tell("down " + weather)


class Server(Process):
    """The real binary; `within` is a command that runs it."""

    def __init__(self, world, upstream, data, arguments=(), env=None, within=()):
        self.binary = world.binary
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("HUBCACHE_") and not k.lower().endswith("_proxy")}
        environment |= {"HUBCACHE_ADMIN_PASSWORD": ADMIN[1], **(env or {})}
        log = world.folder / "server.log"
        after = len(log.read_text(errors="replace")) if log.exists() else 0
        super().__init__([*within, world.binary, "serve", "--data-dir", data, "--listen", "127.0.0.1:0",
                          "--upstream", upstream, *arguments], log, env=environment)
        self.data = pathlib.Path(data)
        self.log_begins = after
        self.is_itself = "strace" not in within  # prlimit and unshare become what they run

    def stop(self, sig=signal.SIGTERM, seconds=30):
        """It ends in order, or by that signal, and not by itself: what a sanitizer has to say it says
        by another code."""
        code = super().stop(sig, seconds)
        wanted = 0 if sig == signal.SIGTERM else -sig
        assert code == wanted, f"the server ended with {code}: {self.text()[-2000:]}"
        return code

    def wait_listening(self):
        line = self.wait_for(r"listening.*?127\.0\.0\.1:(\d+)\D", after=self.log_begins)
        self.wait_for(r'[ "]ready\b', after=self.log_begins)  # its control socket is there by then
        self.port = int(line[1])
        self.origin = f"http://127.0.0.1:{self.port}"
        self.endpoint = self.origin + "/pulp/content/hf"
        return self

    def rest(self, method, path, body=None):
        """A request to the API as its administrator."""
        headers = {"Authorization": "Basic " + base64.b64encode(":".join(ADMIN).encode()).decode(),
                   "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return get(self.origin + path, headers, method, data)

    def anonymous_memory(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024

    def memory_limit(self, most=100 * MIB):
        """The sanitized build notes what it has, and keeps 256 MiB of what was freed."""
        return 2 * most + 256 * MIB if is_sanitized(self.binary) else most

    @contextlib.contextmanager
    def bounded_memory(self, most=100 * MIB):
        """Fails at its end when anonymous memory was above that at any look, many a second."""
        most = self.memory_limit(most)
        highest, over = [0], threading.Event()

        def look():
            while not over.wait(0.05):
                highest[0] = max(highest[0], self.anonymous_memory())
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()
        assert 0 < highest[0] < most, f"{highest[0] / MIB:.0f} MiB of anonymous memory"

    def never_used_xet(self):
        """Whether no client asked for anything of Xet, as the access log has it."""
        return "/_cas/" not in self.text() and "xet-read-token" not in self.text()

    def stored(self):
        return sorted(p for p in (self.data / "blobs").rglob("*") if p.is_file())


@functools.lru_cache
def is_sanitized(program):
    """Whether it is built with AddressSanitizer and UBSan."""
    return b"__asan_init" in program.read_bytes()


def longer(test):
    """A test that has a long form too, for World.full."""
    test.is_longer = True
    return test


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class World:
    """One test's folder, processes and clients."""

    def __init__(self, binary, hubsim, venvs, node, full=False):
        self.full = full  # a test that is `longer` runs in its long form
        self.binary, self.hubsim_program, self.venvs, self.node = (
            pathlib.Path(p).resolve() for p in (binary, hubsim, venvs, node))

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hubcache-e2e-"))
        self.processes = []
        self.homes = 0
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_sanitized(self):
        """Of the sanitized build, each server that still runs ends in order: what it leaked it says
        then, and by its exit code."""
        running = [p for p in self.processes if isinstance(p, Server) and is_sanitized(self.binary)
                   and p.is_itself and p.process.poll() is None]
        for server in running:
            server.process.terminate()
        for server in running:
            server.process.wait(60)
            server.stop()  # looks at how it ended

    def show_logs(self):
        for process in self.processes:
            code = process.process.poll()
            state = "running" if code is None else f"ended with {code}"
            print(f"--- {process.log.name}: process {process.pid} {state}")
        for log in self.folder.glob("*.log"):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")

    def hub(self, *arguments, **options):
        return self._keep(Hubsim(self.hubsim_program, self.folder, arguments, **options))

    def gate(self, port):
        # Built beside the simulated Hub.
        program = self.hubsim_program.parent.parent / "gate" / "gate"
        return self._keep(Gate(program, port, self.folder / f"gate-{port}.log"))

    def server(self, hub, data="data", arguments=(), env=None, within=()):
        return self.start_server(hub, data, arguments, env, within).wait_listening()

    def start_server(self, hub, data="data", arguments=(), env=None, within=()):
        """One that may not listen yet."""
        upstream = hub if isinstance(hub, str) else hub.url
        return self._keep(Server(self, upstream, self.folder / data, arguments, env, within))

    def run_program(self, name, command):
        return self._keep(Process(command, self.folder / f"{name}.log"))

    def _keep(self, process):
        self.processes.append(process)
        return process

    # Clients -------------------------------------------------------------------------------------

    def hf_home(self):
        self.homes += 1
        return self.folder / f"home{self.homes}"

    def client_env(self, endpoint, home, token=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        env.update(HF_ENDPOINT=endpoint, HF_HOME=str(home), HF_HUB_DISABLE_TELEMETRY="1",
                   HF_HUB_DISABLE_PROGRESS_BARS="1", NO_COLOR="1", no_proxy="127.0.0.1")
        if token:
            env["HF_TOKEN"] = token
        return env

    def python(self, version, script, endpoint, arguments=(), **more):
        """Runs a script with that huggingface_hub; returns (exit code, standard output, error)."""
        return self.python_of(f"hfh-{version}", script, endpoint, arguments, **more)

    def python_of(self, venv, script, endpoint, arguments=(), **more):
        python = self.venvs / venv / "bin" / "python"
        return self.client([python, "-c", script, *arguments], endpoint, **more)

    def node_of(self, packages, script, endpoint, arguments=(), **more):
        """Runs a module; node looks for what it imports beside where it lies."""
        folder = self.folder / f"node-{packages}"
        if not folder.exists():
            folder.mkdir()
            (folder / "node_modules").symlink_to(self.node / packages / "node_modules")
        program = shutil.copy(script, folder)
        return self.client(["node", program, *arguments], endpoint, **more)

    def client(self, command, endpoint, home=None, token=None, timeout=180, env=None):
        """Runs a client in the environment that points it at `endpoint`; returns (exit code,
        standard output, error)."""
        done = subprocess.run(
            [str(c) for c in command],
            env=self.client_env(endpoint, home or self.hf_home(), token) | (env or {}),
            cwd=self.folder, capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout.strip(), done.stderr

    def hf(self, version, arguments, endpoint, home=None, token=None, timeout=180):
        """Runs the `hf` command of that version."""
        done = subprocess.run(
            [str(self.venvs / f"hfh-{version}" / "bin" / "hf"), *map(str, arguments)],
            env=self.client_env(endpoint, home or self.hf_home(), token), cwd=self.folder,
            capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return re.search(r"(/\S+)\s*$", done.stdout)[1]  # newer versions say "path: /..."

    def run(self, *command, timeout=180, check=True):
        done = subprocess.run([str(c) for c in command], cwd=self.folder, capture_output=True,
                              timeout=timeout)
        if check:
            assert done.returncode == 0, (command, done.returncode, done.stderr[-2000:])
        return done


def get(url, headers=None, method="GET", body=None, timeout=60):
    """One request, its answer whatever the status."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as reply:
            return Reply(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as failure:
        return Reply(failure.code, failure.headers, failure.read())


def command(world, server, *arguments, typed="", code=0, out=False):
    """What `hubcache` prints about the server's data; its complaint when it is to fail, unless `out`
    asks for the rest."""
    done = subprocess.run([str(world.binary), *arguments, "--data-dir", str(server.data)],
                          input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stderr.strip() if code and not out else done.stdout.strip()


def sha256(content):
    if isinstance(content, (str, pathlib.Path)):
        digest = hashlib.sha256()
        with open(content, "rb") as file:
            while piece := file.read(MIB):
                digest.update(piece)
        return digest.hexdigest()
    return hashlib.sha256(content).hexdigest()


def raw_exchange(port, payload, timeout=15):
    """Sends bytes on a new connection and returns all that comes back until it ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(payload)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except (ConnectionResetError, socket.timeout):
            pass
        return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
