"""What systemd does with hubcache, done by the tests: readiness, passed sockets, the unit, the
installed tree."""
import os
import re
import signal
import socket
import stat
import subprocess

from harness import ADMIN, get

READY_WITHIN = 20


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
        "usr/share/doc/hubcache/CHANGELOG.md",
    }, files
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

    # verify looks for the binary, so it is shown where this tree has it; its exit code says little.
    copy = world.folder / "hubcache.service"
    copy.write_text(unit.replace("ExecStart=/", f"ExecStart={root}/"))
    done = world.run("systemd-analyze", "verify", copy)
    assert done.stdout + done.stderr == b"", (done.stdout, done.stderr)
