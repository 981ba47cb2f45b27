"""Export, move, import, and serve offline with real clients: byte for byte what the Hub has."""
import base64
import io
import json
import shutil
import signal
import subprocess
import tarfile

from harness import MIB, command, get, longer, sha256, wait_until
from test_accounts import guarded

OFFLINE = {"HUBCACHE_UPSTREAM_OFFLINE": "true"}
NOWHERE = "http://127.0.0.1:9"
NAMES = ["config.json", "with space.txt", "caf\xe9/\xfcber.txt", "hash#1.txt", "deep/er/file.txt",
         "a%20b.txt", "empty"]
BIG = 3 * MIB + 17
GATED = "/org/gated/resolve/main/"

SNAPSHOT = """
import json, hashlib, os, sys
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.utils import EntryNotFoundError
def files(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found
repo, revision = sys.argv[1:3]
if sys.argv[3:] == ["one"]:
    print(files(os.path.dirname(hf_hub_download(repo, "config.json", revision=revision)))["config.json"])
    sys.exit()
result = {"files": files(snapshot_download(repo, revision=revision))}
result["one"] = hashlib.sha256(open(hf_hub_download(repo, "config.json", revision=revision), "rb").read()).hexdigest()
try:
    hf_hub_download(repo, "adapter_config.json", revision=revision)
except EntryNotFoundError:
    result["absent"] = True
api = HfApi()
result["sha"] = api.repo_info(repo, revision=revision).sha
result["list"] = sorted(api.list_repo_files(repo, revision=revision))
result["tree"] = sorted((entry.path, getattr(entry, "size", 0)) for entry in api.list_repo_tree(repo, recursive=True, revision=revision))
result["paths"] = [(entry.path, entry.size) for entry in api.get_paths_info(repo, ["config.json", "none"], revision=revision)]
result["branches"] = [branch.name for branch in api.list_repo_refs(repo).branches]
print(json.dumps(result))
"""


def fill(hub):
    hub.control("repo", {"id": "org/carried", "files": [
        {"path": name, "content": "" if name == "empty" else name} for name in NAMES] + [
        {"path": "big.bin", "size": BIG, "seed": 5, "lfs": True}]})


def read_all(world, version, endpoint, home=None, repo="org/carried", token=None):
    code, out, err = world.python(version, SNAPSHOT, endpoint, arguments=[repo, "main"], home=home,
                                  token=token)
    assert code == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def filled_server(world):
    """A hub, a server that has all of the repo, and what clients read of it."""
    hub = world.hub()
    fill(hub)
    server = world.server(hub)
    want = read_all(world, "0.36", server.endpoint)
    count = len({d for path, d in want["files"].items() if path != "empty"})
    wait_until(lambda: len(server.stored()) >= count, "all is stored")
    return hub, server, want


def offline_server(world, data):
    return world.server(NOWHERE, data=data, env=OFFLINE)


def carry(world, server, *arguments, code=0, stdin=None):
    """What `hubcache export` or `import` says, on either stream."""
    done = subprocess.run([str(world.binary), *map(str, arguments), "--data-dir", str(server.data)],
                          input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, (arguments, done.returncode, done.stdout[-2000:], done.stderr)
    if arguments[0] == "export" and arguments[-1] == "-":
        return done.stdout
    return (done.stdout + done.stderr).decode()


@longer
def test_what_is_exported_moved_and_imported_serves_offline_byte_for_byte(world):
    hub, server, want = filled_server(world)
    out = world.folder / "export"
    assert "exported model org/carried at " in carry(world, server, "export", "org/carried", "--to", out)
    times = {file: file.stat().st_mtime_ns for file in (out / "blobs").rglob("*") if file.is_file()}
    (out / "hubcache-export.json").unlink()
    carry(world, server, "export", "org/carried@main", "--to", out)  # goes on where that was cut
    assert times == {file: file.stat().st_mtime_ns for file in (out / "blobs").rglob("*") if file.is_file()}
    assert server.stop() == 0 and hub.stop() is not None

    moved = world.folder / "moved"
    shutil.move(out, moved)
    offline = offline_server(world, "other")
    assert get(offline.endpoint + "/org/carried/resolve/main/config.json").status == 502
    assert "right: model org/carried" in carry(world, offline, "import", "--check", moved)
    assert "imported model org/carried" in carry(world, offline, "import", moved)
    for version in ("0.25", "0.30", "0.36", "1.22", "2.4") if world.full else ("0.25", "2.4"):
        assert read_all(world, version, offline.endpoint) == want, version
    head = get(offline.endpoint + "/org/carried/resolve/main/none.json", method="HEAD")
    assert (head.status, head.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert "0 blobs" in carry(world, offline, "import", moved)  # nothing is read twice
    assert offline.stop() == 0
    offline = offline_server(world, "other")  # what was imported outlives the server
    assert sha256(get(offline.endpoint + "/org/carried/resolve/main/big.bin").body) == want["files"]["big.bin"]


def exported_gated(world, server):
    """The stream of a gated repo, and its files by path."""
    allowed = {"Authorization": "Bearer hf_good"}
    listed = get(f"{server.endpoint}/api/models/org/gated/tree/main?recursive=true", allowed).json()
    files = {file["path"]: get(server.endpoint + GATED + file["path"], allowed)
             for file in listed if file["type"] == "file"}
    assert len(files) == 4 and {answer.status for answer in files.values()} == {200}
    wait_until(lambda: carry_ok(world, server, "org/gated"), "its files are known and stored")
    stream = carry(world, server, "export", "org/gated", "--to", "-")
    return stream, {path: answer.body for path, answer in files.items()}


def test_a_gated_repo_that_was_imported_is_readable_with_local_access_only(world):
    server = world.server(world.hub())
    stream, files = exported_gated(world, server)
    path, want = GATED + "config.json", files["config.json"]

    offline = offline_server(world, "other")
    assert offline.stop() == 0
    said = carry(world, offline, "import", "-", stdin=stream)  # without a server
    assert "not readable while offline" in said and "--local-access" in said
    offline = offline_server(world, "other")
    assert get(offline.endpoint + path, {"Authorization": "Bearer hf_good"}).status == 502
    assert "not readable" not in carry(world, offline, "import", "--local-access", "-", stdin=stream)
    answer = get(offline.endpoint + path)
    assert (answer.status, answer.body) == (200, want)


def basic(login):
    return "Basic " + base64.b64encode(login.encode()).decode()


def test_an_imported_gated_repo_is_read_offline_by_whom_the_guard_admits_and_by_nobody_else(world):
    server = world.server(world.hub())
    stream, files = exported_gated(world, server)
    want = read_all(world, "0.36", server.endpoint, repo="org/gated", token="hf_good")
    assert server.stop() == 0

    offline = offline_server(world, "other")
    tokens = {}
    for account in ("ci", "stranger"):
        command(world, offline, "user", "add", account, typed="pw\n")
        tokens[account] = command(world, offline, "token", "create", f"of {account}", "--account", account)
    guarded(world, offline)
    admitted = [basic("ci:pw"), f"Bearer {tokens['ci']}"]
    others = [None, basic("ci:another"), basic("stranger:pw"), f"Bearer {tokens['stranger']}",
              "Bearer hc_" + "0" * 64, "Bearer hf_good"]
    targets = [GATED + path for path in files] + [
        GATED + "none.json", "/api/models/org/gated", "/api/models/org/gated/tree/main"]

    def statuses(login, method="GET"):
        return [get(offline.endpoint + target, {"Authorization": login} if login else {}, method).status
                for target in targets]

    def only_the_admitted_read():
        for login in others:
            assert set(statuses(login)) == {403}, login
        for login in admitted:
            assert statuses(login) == [200] * len(files) + [404, 200, 200], login

    carry(world, offline, "import", "-", stdin=stream)
    for login in admitted:  # who passes the guard has no right to the repo by that
        assert set(statuses(login)) == {502}, login
    assert {status for login in others for status in statuses(login)} == {403}
    carry(world, offline, "import", "--local-access", "-", stdin=stream)
    only_the_admitted_read()
    for login in admitted:
        assert {path: get(offline.endpoint + GATED + path, {"Authorization": login}).body
                for path in files} == files, login
    assert {status for login in others for status in statuses(login, "HEAD")} == {403}
    for version in ("0.25", "2.4"):
        read = read_all(world, version, offline.endpoint, repo="org/gated", token=tokens["ci"])
        assert read == want, version
    for token in (tokens["stranger"], None):
        code, out, err = world.python("2.4", SNAPSHOT, offline.endpoint, token=token,
                                      arguments=["org/gated", "main"])
        assert code != 0 and "GatedRepoError" in err, (out, err[-2000:])
    assert offline.stop() == 0
    offline = offline_server(world, "other")  # it outlives the server
    only_the_admitted_read()


def carry_ok(world, server, repo):
    done = subprocess.run([str(world.binary), "export", repo, "--to", str(world.folder / "trial"),
                           "--data-dir", str(server.data)], capture_output=True, timeout=60)
    return done.returncode == 0


def test_what_is_missing_or_not_right_is_named_and_the_rest_is_done(world):
    hub, server, want = filled_server(world)
    out = world.folder / "export"
    told = carry(world, server, "export", "org/carried", "org/none", "--to", out, code=1)
    assert "org/none" in told and "`hubcache fetch org/none`" in told
    digest = want["files"]["big.bin"]
    (out / "blobs" / "sha256" / digest[:2] / digest[2:]).write_bytes(bytes(BIG))
    assert "not what its digest says" in carry(world, server, "import", "--check", out, code=1)
    offline = offline_server(world, "other")
    told = carry(world, offline, "import", out, code=1)
    assert digest in told and "1 of 8 files" in told, told
    assert get(offline.endpoint + "/org/carried/resolve/main/config.json").status == 502
    carry(world, server, "rm", "sha256:" + digest)
    told = carry(world, server, "export", "org/carried", "--to", "-", code=1)
    told = carry(world, server, "export", "org/carried", "--to", world.folder / "again", code=1)
    assert '1 of its 7 files' in told and '"big.bin"' in told and "`hubcache fetch org/carried`" in told
    carry(world, server, "export", "org/carried", "--include", "*.json", "--to", world.folder / "part")
    carry(world, offline, "import", world.folder / "part")
    assert get(offline.endpoint + "/org/carried/resolve/main/config.json").body == b"config.json"
    assert get(offline.endpoint + "/org/carried/resolve/main/big.bin").status == 502


def test_an_import_that_is_killed_leaves_no_torn_blob_and_another_run_completes_it(world):
    _, server, want = filled_server(world)
    stream = carry(world, server, "export", "org/carried", "--to", "-")
    with tarfile.open(fileobj=io.BytesIO(stream)) as tar:
        big = next(member for member in tar if member.size == BIG)
    half = stream[:big.offset_data + 2 * MIB]
    offline = offline_server(world, "other")
    for victim in ("import", "server"):
        running = subprocess.Popen([str(world.binary), "import", "-", "--data-dir", str(offline.data)],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        running.stdin.write(half)
        running.stdin.flush()
        wait_until(lambda: list((offline.data / "fills").glob("*.part")), "the blob has begun")
        if victim == "import":
            running.send_signal(signal.SIGKILL)
            running.wait()
        else:
            offline.stop(signal.SIGKILL)
            _, told = running.communicate(stream[len(half):])
            assert running.returncode == 1 and b"run this again" in told, told
            offline = offline_server(world, "other")
        assert get(offline.endpoint + "/org/carried/resolve/main/big.bin").status == 502
    carry(world, offline, "import", "-", stdin=stream)
    assert sha256(get(offline.endpoint + "/org/carried/resolve/main/big.bin").body) == want["files"]["big.bin"]
    assert len(offline.stored()) == len(server.stored())


def test_a_cache_of_python_clients_is_imported_by_its_snapshots(world):
    hub = world.hub()
    fill(hub)
    home = world.hf_home()
    want = read_all(world, "0.36", hub.url, home=home)
    blobs = next((home / "hub").glob("models--*")) / "blobs"
    (blobs / want["files"]["big.bin"]).write_bytes(bytes(BIG))
    offline = offline_server(world, "other")
    told = carry(world, offline, "import", "--hf-home", home, "--local-access", code=1)
    assert "not what its digest says" in told and "imported model org/carried" in told, told
    code, out, err = world.python("2.4", SNAPSHOT, offline.endpoint, arguments=["org/carried", "main", "one"])
    assert code == 0 and out.splitlines()[-1] == want["files"]["config.json"], err[-2000:]
    big = get(offline.endpoint + "/org/carried/resolve/main/big.bin")
    assert big.status == 502  # false here, and what is not here is not absent
    assert get(offline.endpoint + "/org/carried/resolve/main/none.json").status == 502
