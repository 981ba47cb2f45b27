"""What systemd does with hubcache, done by the tests: readiness, the watchdog, credentials, passed
sockets, the unit and its sandbox, the installed tree."""
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess

from harness import ADMIN, command, get

READY_WITHIN = 20
ROOT = pathlib.Path(__file__).resolve().parents[2]


class NotifySocket:
    """What NOTIFY_SOCKET names (sd_notify(3))."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(READY_WITHIN)

    def told(self):
        return self.socket.recv(4096).decode().splitlines()


def listening_socket(family, address):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind(address)
    made.listen()
    return made


def start_with_sockets(world, sockets, arguments=(), env=None):
    """The server with these listeners passed in, as systemd passes them (sd_listen_fds(3))."""
    for made in sockets:
        os.set_inheritable(made.fileno(), True)
    # From numbers out of the way to 3 and up; LISTEN_PID is the process that becomes the server.
    places = " ".join(f"{3 + i}<&{made.fileno()}" for i, made in enumerate(sockets))
    script = f'LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@" {places}'
    command = ["bash", "-c", script, "bash", world.binary, "serve", "--data-dir",
               world.folder / "data", *arguments]
    with open(world.folder / "server.log", "ab") as out:
        return subprocess.Popen([str(c) for c in command], stdout=out, stderr=out,
                                stdin=subprocess.DEVNULL, close_fds=False,
                                env={"PATH": os.environ["PATH"],
                                     "HUBCACHE_ADMIN_PASSWORD": ADMIN[1], **(env or {})})


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def high(made):
    """The same socket under a number that no passed one will take."""
    moved = socket.socket(fileno=os.dup(made.fileno()))
    while moved.fileno() < 10:
        moved = socket.socket(fileno=os.dup(moved.detach()))
    return moved


def test_readiness_is_told_when_requests_are_served(world):
    hub = world.hub()
    notify = NotifySocket(world.folder / "notify")
    server = world.server(hub, env={"NOTIFY_SOCKET": notify.path})
    told = notify.told()
    assert told[0] == "READY=1" and told[1].startswith("STATUS=serving on 127.0.0.1:"), told
    assert get(f"{server.origin}/readyz").status == 200
    assert server.stop() == 0
    assert notify.told() == ["STOPPING=1"]


def test_a_start_that_fails_is_not_told_as_readiness(world):
    hub = world.hub()
    world.server(hub)  # has the data directory
    notify = NotifySocket(world.folder / "notify")
    second = subprocess.run([str(world.binary), "serve", "--data-dir", str(world.folder / "data"),
                             "--listen", "127.0.0.1:0"],
                            env={"NOTIFY_SOCKET": notify.path},
                            capture_output=True, text=True, timeout=30)
    assert second.returncode == 1 and "another hubcache" in second.stderr, second.stderr
    notify.socket.setblocking(False)
    try:
        assert not notify.told()
    except BlockingIOError:
        pass


def test_the_watchdog_hears_of_a_server_until_it_stands_still(world):
    notify = NotifySocket(world.folder / "notify")
    server = world.server(world.hub(), env={"NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "20000"})
    heard = [line for _ in range(4) for line in notify.told()]
    assert heard.count("READY=1") == 1 and heard.count("WATCHDOG=1") == 3, heard
    os.kill(server.pid, signal.SIGSTOP)
    os.waitpid(server.pid, os.WUNTRACED)
    notify.socket.setblocking(False)
    silent = False
    while not silent:  # what it said before
        try:
            notify.told()
        except BlockingIOError:
            silent = True
    notify.socket.settimeout(0.2)
    try:
        assert not notify.told()
    except TimeoutError:
        pass
    os.kill(server.pid, signal.SIGCONT)
    notify.socket.settimeout(READY_WITHIN)
    assert notify.told() == ["WATCHDOG=1"]


def test_security_rule_23_the_key_of_a_service_is_not_with_its_database(world):
    """LoadCredential= gives it from /etc/hubcache; without one it is made in the data directory."""
    credentials = world.folder / "credentials"
    credentials.mkdir(0o700)
    (credentials / "hubcache.admin-password").write_text("\n")  # the unit's default: there is none
    key = credentials / "hubcache.secrets-key"
    key.write_text("ab" * 32 + "\n")
    key.chmod(0o400)
    service = {"CREDENTIALS_DIRECTORY": str(credentials)}
    hub = world.hub()
    server = world.server(hub, env=service)
    remote = server.rest("POST", "/pulp/api/v3/remotes/hugging_face/hugging-face/",
                         {"name": "s", "url": hub.url, "hf_token": "hf_sealed"}).json()["pulp_href"]
    assert server.stop() == 0
    assert not (server.data / "secrets.key").exists()
    # With another key nothing opens.
    refused = world.start_server(hub)
    assert refused.process.wait(30) == 1 and "cannot be read with this key" in refused.text()
    assert (server.data / "secrets.key").exists()
    # Two keys: one of them is not the one.
    refused = world.start_server(hub, env=service)
    assert refused.process.wait(30) == 1 and "and another in" in refused.text()
    (server.data / "secrets.key").unlink()
    # It is changed where it is.
    assert command(world, server, "config", "rotate-key", "--key-file", str(key)) == \
        "1 secrets sealed with a new key"
    assert key.read_text() != "ab" * 32 + "\n" and not (server.data / "secrets.key").exists()
    server = world.server(hub, env=service)
    assert server.rest("GET", remote).json()["hf_token"] == "hf_sealed"


def test_sockets_passed_by_systemd_are_served_in_place_of_the_configured_ones(world):
    notify = NotifySocket(world.folder / "notify")
    inet = high(listening_socket(socket.AF_INET, ("127.0.0.1", 0)))
    local = high(listening_socket(socket.AF_UNIX, str(world.folder / "passed.sock")))
    unused = listening_socket(socket.AF_INET, ("127.0.0.1", 0))
    port, free = inet.getsockname()[1], unused.getsockname()[1]
    unused.close()
    process = start_with_sockets(world, [inet, local], ["--listen", f"127.0.0.1:{free}"],
                                 {"NOTIFY_SOCKET": notify.path})
    try:
        told = notify.told()
        assert told == ["READY=1", f"STATUS=serving on 127.0.0.1:{port}, "
                                   f"unix:{world.folder}/passed.sock"], told
        assert get(f"http://127.0.0.1:{port}/healthz").status == 200
        through = world.run("curl", "-sS", "-f", "--unix-socket", world.folder / "passed.sock",
                            "-u", "admin:password", "http://localhost/pulp/api/v3/remotes/"
                            "hugging_face/hugging-face/?fields=name").stdout
        assert b'"huggingface"' in through
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", free)) != 0
        stop(process)
        assert (world.folder / "passed.sock").exists()  # it is systemd's, and stays
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def installed(world):
    """What `cmake --install` puts where, of the build the binary is of."""
    root = world.folder / "root"
    build = world.binary.parents[2]
    done = subprocess.run(["cmake", "--install", str(build)], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(root)}, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_everything_is_installed_where_debian_expects_it(world):
    root = installed(world)
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    assert files == {
        "usr/bin/hubcache",
        "etc/hubcache/hubcache.toml",
        "usr/lib/systemd/system/hubcache.service",
        "usr/lib/sysusers.d/hubcache.conf",
        "usr/share/doc/hubcache/copyright",
        "usr/share/doc/hubcache/README.md",
        "usr/share/doc/hubcache/changelog.gz",
        "usr/share/doc/hubcache/changelog.Debian.gz",
        "usr/share/man/man1/hubcache.1.gz",
        "usr/share/man/man5/hubcache.toml.5.gz",
        "usr/share/bash-completion/completions/hubcache",
        "etc/logrotate.d/hubcache",
    } | {f"usr/share/doc/hubcache/{p.relative_to(ROOT)}" for p in (ROOT / "docs").rglob("*")
         if p.is_file()}, files
    mode = stat.S_IMODE((root / "usr/bin/hubcache").stat().st_mode)
    assert mode == 0o755
    version = world.run(root / "usr/bin/hubcache", "version").stdout
    assert version.startswith(b"hubcache ")
    # The sample is a configuration, and says nothing but the defaults.
    printed = world.run(root / "usr/bin/hubcache", "config", "--config",
                        root / "etc/hubcache/hubcache.toml").stdout.decode()
    assert "# file" not in printed and 'listen = ["127.0.0.1:8080"]  # default' in printed


def test_systemd_has_nothing_to_say_about_the_unit(world):
    root = installed(world)
    unit = (root / "usr/lib/systemd/system/hubcache.service").read_text()
    assert "Type=notify\n" in unit and "StateDirectory=hubcache\n" in unit
    command = re.search(r"^ExecStart=(\S+) serve --config (\S+)$", unit, re.MULTILINE)
    assert (root / command[1].lstrip("/")).is_file() and (root / command[2].lstrip("/")).is_file()
    sysusers = (root / "usr/lib/sysusers.d/hubcache.conf").read_text()
    user = re.search(r"^User=(\S+)$", unit, re.MULTILINE)[1]
    assert re.search(rf"^u {user} ", sysusers, re.MULTILINE)

    # A credential that is not there is no reason not to start.
    for kind in ("LoadCredential", "SetCredential"):
        assert re.findall(rf"^{kind}=(\S+?):", unit, re.MULTILINE) == ["hubcache.secrets-key",
                                                                      "hubcache.admin-password"]

    # verify looks for the binary, so it is shown where this tree has it; its exit code says little.
    copy = world.folder / "hubcache.service"
    copy.write_text(unit.replace("ExecStart=/", f"ExecStart={root}/"))
    done = world.run("env", f"MANPATH={root}/usr/share/man", "systemd-analyze", "verify", copy)
    assert done.stdout + done.stderr == b"", (done.stdout, done.stderr)
    exposure = world.run("systemd-analyze", "security", "--offline=true", copy).stdout.decode()
    level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", exposure)[1])
    assert level < 2.0, exposure


def system_calls(unit):
    """What the unit's SystemCallFilter= lets through, by name."""
    def named(group):
        if not group.startswith("@"):
            return {group}
        listed = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True,
                                capture_output=True, text=True).stdout.splitlines()[1:]
        words = [line.strip() for line in listed if not line.strip().startswith("#")]
        return set().union(*(named(word) for word in words if word))

    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        groups = set().union(*(named(word) for word in line.lstrip("~").split()))
        allowed = allowed - groups if line.startswith("~") else allowed | groups
    return allowed


def test_the_sandbox_of_the_unit_lets_the_server_do_all_it_does(world):
    hub = world.hub()
    trace = world.folder / "trace"
    # LeakSanitizer, in the sanitized build, does not work beside strace.
    server = world.server(hub, within=["strace", "-f", "-qq", "-o", trace], env={"ASAN_OPTIONS": "detect_leaks=0"})
    for path in ("resolve/main/config.json", "resolve/main/model.safetensors"):
        for headers in ({}, {}, {"Range": "bytes=0-99"}):
            assert get(f"{server.endpoint}/org/model/{path}", headers).status in (200, 206)
    assert get(f"{server.endpoint}/api/models/org/model").status == 200
    command(world, server, "user", "add", "ci", "--generate")
    assert command(world, server, "verify").endswith(" 0 not right")
    tracer = server.process
    child = int(pathlib.Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split()[0])
    os.kill(child, signal.SIGTERM)
    assert tracer.wait(30) == 0

    done = trace.read_text(errors="replace")
    called = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]", done, re.MULTILINE))
    called.discard("fchown")  # SQLite's, which only root makes
    assert {"sendfile", "openat", "sendmsg", "fdatasync"} <= called, called
    unit = (ROOT / "config" / "hubcache.service").read_text()
    assert called <= system_calls(unit), called - system_calls(unit)
    # MemoryDenyWriteExecute=: the pages of libraries are mapped as they stay.
    assert "MemoryDenyWriteExecute=yes\n" in unit
    assert not re.search(r"mprotect\(.*PROT_EXEC|mmap\(.*PROT_WRITE\|PROT_EXEC", done)
    # RestrictAddressFamilies=
    families = set(re.search(r"^RestrictAddressFamilies=(.*)$", unit, re.MULTILINE)[1].split())
    used = set(re.findall(r" socket(?:pair)?\((\w+),", done))  # begun, in a line of its own or not
    assert {"AF_INET", "AF_UNIX"} <= used <= families, used
    # ProtectSystem=strict: all that is written lies in the StateDirectory.
    written = re.findall(r'openat\(AT_FDCWD, "([^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT).*\) = \d', done)
    assert written and not [p for p in written if not p.startswith((str(server.data), "/dev/null"))]
