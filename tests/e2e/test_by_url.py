"""Commands to a server by its URL, from a place where there is nothing of it."""
import json
import os
import subprocess
import time

from harness import MIB, get
from test_care import serve_files
from test_tls import secured

LOGIN = {"HUBCACHE_LOGIN": "admin:password"}


class Elsewhere:
    """A directory and a home without data of hubcache's, in which commands are given."""

    def __init__(self, world, **variables):
        self.world, self.folder = world, world.folder / "elsewhere"
        self.folder.mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("HUBCACHE_", "XDG_", "HF_")) and not k.lower().endswith("_proxy")}
        self.variables = kept | {"HOME": str(self.folder)} | variables

    def run(self, *arguments, typed=""):
        return subprocess.run([str(self.world.binary), *map(str, arguments)], input=typed, cwd=self.folder,
                              env=self.variables, capture_output=True, text=True, timeout=120)

    def says(self, *arguments, code=0, typed=""):
        """What it prints; its complaint when it is to fail."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode == code, (arguments, done)
        return (done.stderr if code else done.stdout).strip()


def test_all_that_a_server_does_is_done_by_url(world):
    _, server, digests = serve_files(world)
    one = digests["one.bin"]
    there = Elsewhere(world, HUBCACHE_SERVER=server.origin, **LOGIN)
    listed = [json.loads(line) for line in there.says("ls", "--json").splitlines()]
    assert {blob["digest"] for blob in listed} == set(digests.values())
    assert one in there.says("ls")
    there.says("pin", one)
    assert [blob["digest"] for blob in map(json.loads, there.says("ls", "--json").splitlines())
            if blob["pinned"]] == [one]
    there.says("unpin", one)
    there.says("rm", one)
    assert "there is no blob" in there.says("rm", one, code=1)
    assert there.says("gc") == "0 blobs and 0 entries removed"
    assert "runs for" in there.says("status")
    assert json.loads(there.says("status", "--json"))["blobs"]["count"] == 2
    there.says("log-level", "debug")

    there.says("user", "add", "ci", typed="a password\n")
    token = there.says("token", "create", "ops", "--account", "admin")
    assert "ops (admin)" in there.says("token", "list")
    assert "account=admin" in next(line for line in server.text().splitlines()
                                   if "audit" in line and "token.create" in line)
    assert there.says("fetch", "org/care").count("\n") >= 1
    assert json.loads(there.says("status", "--json"))["blobs"]["count"] == 3

    # As a proxy, a file and a token have it; what is on the command line goes first.
    (there.folder / "login").write_text(token + "\n")
    by_file = Elsewhere(world, HUBCACHE_SERVER="http://127.0.0.1:9", HUBCACHE_LOGIN="admin:wrong")
    assert one in by_file.says("ls", "--server", server.origin + "/", "--login-file", "login")
    # And a data directory that is named is meant.
    assert one in by_file.says("ls", "--data-dir", server.data)
    assert sorted(file.name for file in there.folder.iterdir()) == ["login"]
    assert server.stop() == 0


def test_a_command_by_url_may_take_as_long_as_it_takes(world):
    hub = world.hub("--big", f"big.bin:{20 * MIB}")
    server = world.server(hub)
    assert get(server.endpoint + "/org/model/resolve/main/big.bin").status == 200
    there = Elsewhere(world, HUBCACHE_SERVER=server.origin, **LOGIN)
    while not there.says("ls", "--json"):
        pass
    began = time.monotonic()
    assert there.says("verify", "--rate", "2 MiB") == "1 checked, 0 not right"
    assert time.monotonic() - began > 8, "no longer than an answer to a client of content may take"


def test_what_was_exported_is_imported_by_url(world):
    hub, server, digests = serve_files(world)
    there = Elsewhere(world)
    there.says("export", "org/care", "--to", "export", "--data-dir", server.data)
    assert server.stop() == 0
    other = world.server(hub, data="other")
    there.says("import", "export", "--server", other.origin, "--login-file", login(there))
    there.variables |= {"HUBCACHE_SERVER": other.origin, **LOGIN}
    assert there.says("verify") == f"{len(digests)} checked, 0 not right"


def login(there, text="admin:password"):
    (there.folder / "login").write_text(text)
    return "login"


def test_who_is_no_administrator_is_told_so(world):
    _, server, digests = serve_files(world)
    there = Elsewhere(world, HUBCACHE_SERVER=server.origin)
    assert "HUBCACHE_LOGIN" in there.says("ls", code=1)
    for wrong in ("admin:wrong", "nobody:password", "hc_0123"):
        assert "HUBCACHE_LOGIN" in there.says("rm", digests["one.bin"], "--server", server.origin,
                                              "--login-file", login(there, wrong), code=1)
    there.variables |= LOGIN
    there.says("user", "add", "ci", typed="a password\n")
    there.variables["HUBCACHE_LOGIN"] = "ci:a password"
    for words in (("rm", digests["one.bin"]), ("status",), ("fetch", "org/care")):
        assert "administrators" in there.says(*words, code=1)
    assert len(server.stored()) == 3


def test_what_cannot_be_asked_is_told_with_what_to_do_and_a_code_for_scripts(world):
    hub = world.hub()
    server = world.server(hub)
    there = Elsewhere(world, **LOGIN)

    def complaint(where, *words, code=1):
        return there.says(*words, "--server", where, code=code)
    assert "is no hubcache" in complaint(hub.url, "ls")
    assert not there.run("ls", "--server", hub.url).stdout, "no heading of what does not come"
    assert "http://" in complaint(server.origin.replace("http:", "https:"), "ls")
    assert "without a login" in complaint("http://admin:pass-word@127.0.0.1", "ls", code=2)
    assert "without a login" in complaint("127.0.0.1:8080", "ls", code=2)
    assert "NAME:PASSWORD" in there.says("ls", "--server", server.origin, "--login-file", login(there, "x"),
                                         code=2)
    for more in (("--data-dir", server.data), ("--config", "x.toml")):
        assert there.run("ls", "--server", server.origin, *more).returncode == 2
    for words in (("export", "org/model", "--to", "x"), ("rebuild",), ("serve",)):
        assert there.run(*words, "--server", server.origin).returncode == 2, "these need the files"

    assert server.stop() == 0
    assert "is it running" in complaint(server.origin, "ls")
    assert "is it running" in complaint(server.origin, "status", code=3)
    done = there.run("status", "--json", "--server", server.origin)
    assert (done.returncode, json.loads(done.stdout)) == (3, {"running": False})
    assert "is it running" in complaint(server.origin, "fetch", "org/model", code=4)
    assert "is it running" in complaint(f"http://nowhere.invalid:{server.port}", "ls")


def test_a_server_in_tls_is_asked_when_its_certificate_is_trusted(world):
    _, _, origin, cert = secured(world)
    there = Elsewhere(world, HUBCACHE_SERVER=origin, **LOGIN)
    assert "SSL_CERT_FILE" in there.says("ls", code=1)
    there.variables["SSL_CERT_FILE"] = str(cert)
    assert "runs for" in there.says("status")
    plain = origin.replace("https:", "http:")
    assert "https://" in there.says("ls", "--server", plain, code=1)
