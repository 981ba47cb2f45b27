"""Files by Xet, with the real clients and the hf_xet of their time (contract/xet.md): cold, warm and
with the Hub gone; files above 50 GB; and a flipped byte, which none of them notices by itself."""
import errno
import json
import os
import pathlib
import shutil

from harness import MIB, get, longer, sha256, wait_until
from test_room import start_on_disk

# Of hf_xet: 1.0, 1.2, 1.4, 1.5, 1.7 and the newest; each asks by another route.
VENVS = ("xet-0.30", "xet-0.36", "xet-1.0", "xet-1.22", "xet-1.33", "hfh-2.4")
# Of these, those that keep what they read of a tree, and by that know a file's hash without a HEAD.
WITH_TREES = ("xet-1.22", "xet-1.33", "hfh-2.4")
ON = {"HUBCACHE_CONTENT_XET": "on"}
GIB = 1024 * MIB
SIZES = {"small.bin": 3 * MIB + 1, "two xorbs.bin": 20 * MIB + 216, "large.bin": 64 * MIB}
FILES = """
import sys
from huggingface_hub import hf_hub_download
for name in sys.argv[1:]:
    print(hf_hub_download("org/big", name))
"""
SNAPSHOT = """
import sys
from huggingface_hub import snapshot_download
print(snapshot_download("org/big", revision=sys.argv[1]))
"""
# Of several threads of 1.33 some ask with HEAD while another still reads what the tree says.
ONE_BY_ONE = SNAPSHOT.replace("sys.argv[1])", "sys.argv[1], max_workers=1)")
NODE = pathlib.Path(__file__).parent / "clients" / "xet.mjs"


def world_of(world):
    hub = world.hub()
    files = [{"path": name, "size": size, "seed": seed, "lfs": True}
             for seed, (name, size) in enumerate(SIZES.items(), 10)]
    sha = hub.control("repo", {"id": "org/big", "files": files})["sha"]
    want = {}
    for name in SIZES:
        url = f"{hub.url}/org/big/resolve/main/{name.replace(' ', '%20')}"
        want[name] = sha256(get(url, {"Accept-Encoding": "identity"}).body)
    return hub, sha, want


def xet_requests(server, part="/_cas/"):
    return server.text().count(part)


def download(world, venv, endpoint, home=None):
    code, out, err = world.python_of(venv, FILES, endpoint, list(SIZES), home=home)
    assert code == 0, (venv, err[-2000:])
    return {name: sha256(path) for name, path in zip(SIZES, out.splitlines()[-len(SIZES):])}


def snapshot(world, venv, server, revision, home):
    code, out, err = world.python_of(venv, SNAPSHOT, server.endpoint, [revision], home=home,
                                     env={"HF_XET_CHUNK_CACHE_SIZE_BYTES": "10000000000"})
    assert code == 0, (venv, err[-2000:])
    folder = pathlib.Path(out.splitlines()[-1])
    return {name: sha256(folder / name) for name in SIZES}


def with_its_chunks_alone(home):
    """What it downloaded is gone; what hf_xet keeps of it stays."""
    shutil.rmtree(home / "hub")
    return home


def test_every_generation_of_clients_cold_warm_and_with_the_hub_gone(world):
    hub, _, want = world_of(world)
    for venv in VENVS:
        server = world.server(hub, data=f"data-{venv}", env=ON)
        before = xet_requests(server)
        assert download(world, venv, server.endpoint) == want, venv
        assert xet_requests(server) > before, f"{venv} did not use Xet"
        wait_until(lambda server=server: len(server.stored()) == len(SIZES), "all is stored")
        hub.forget()
        assert download(world, venv, server.endpoint) == want, venv
        assert not hub.requests(host="cdn"), venv
        server.stop()
    hub.stop()
    for venv in VENVS:
        server = world.server(hub, data=f"data-{venv}", env=ON)
        assert download(world, venv, server.endpoint) == want, venv
        server.stop()


def test_a_snapshot_of_several_files_at_once_with_the_chunk_cache_on(world):
    hub, sha, want = world_of(world)
    homes = {}
    for venv in VENVS:
        server = world.server(hub, data=f"data-{venv}")  # by Xet without being told to
        homes[venv] = world.hf_home()
        for revision in ("main", sha):
            assert snapshot(world, venv, server, revision, homes[venv]) == want, venv
        assert xet_requests(server) > 0, venv
        wait_until(lambda server=server: len(server.stored()) == len(SIZES), "all is stored")
        hub.forget()
        assert snapshot(world, venv, server, sha, with_its_chunks_alone(homes[venv])) == want, venv
        assert not hub.requests(host="cdn"), venv
        server.stop()
    hub.stop()
    for venv in VENVS:
        server = world.server(hub, data=f"data-{venv}")
        assert snapshot(world, venv, server, sha, world.hf_home()) == want, venv
        server.stop()


def home_with_the_tree_alone(world, tree):
    """A client's home that has nothing but what it once read of the tree: no file, no chunk."""
    home = world.hf_home()
    trees = home / "hub" / "models--org--big" / "trees"
    trees.mkdir(parents=True)
    shutil.copy(tree, trees)
    return home


def test_clients_whose_tree_was_read_at_the_hub_itself(world):
    hub, sha, want = world_of(world)
    trees = {}
    for venv in WITH_TREES:
        home = world.hf_home()
        code, _, err = world.python_of(venv, ONE_BY_ONE, hub.url, [sha], home=home)
        assert code == 0, (venv, err[-2000:])
        trees[venv] = home / "hub" / "models--org--big" / "trees" / f"{sha}.json"
        files = json.loads(trees[venv].read_text())["files"]
        assert files.keys() == SIZES.keys() and all(f["xet_hash"] for f in files.values()), (venv, files)
    for when in ("cold", "warm", "with the Hub gone"):
        if when == "with the Hub gone":
            hub.stop()
        for venv in WITH_TREES:
            server = world.server(hub, data=f"data-{venv}", env=ON)
            home = home_with_the_tree_alone(world, trees[venv])
            code, out, err = world.python_of(venv, ONE_BY_ONE, server.endpoint, [sha], home=home)
            assert code == 0, (venv, when, err[-2000:])
            folder = pathlib.Path(out.splitlines()[-1])
            assert {name: sha256(folder / name) for name in SIZES} == want, (venv, when)
            wait_until(lambda server=server: len(server.stored()) == len(SIZES), "all is stored")
            server.stop()  # by then its access log is written
            asked = [line for line in server.text()[server.log_begins:].splitlines() if " access " in line]
            for part in ("/xet-read-token/", "/reconstruction", "/_cas/xorbs/"):
                assert any(part in line for line in asked), (venv, when, part)
            more = [line for line in asked if "/resolve/" in line or "/tree/" in line]
            assert not more, (venv, when, more)


def test_the_javascript_client(world):
    hub, _, want = world_of(world)
    server = world.server(hub, env=ON)
    for when in ("cold", "warm", "with the Hub gone"):
        if when == "with the Hub gone":
            hub.stop()
        code, out, err = world.node_of("hub", NODE, server.endpoint, [server.endpoint, *SIZES])
        assert code == 0, (when, err[-2000:])
        assert out.split() == list(want.values()), when
    assert xet_requests(server) > 0


def test_a_flipped_byte_upstream_is_completed_by_no_javascript_client(world):
    hub, _, want = world_of(world)
    server = world.server(hub)
    hub.fault(host="cdn", match="two", kind="flip", offset=3 * MIB + 1)
    for _ in range(2):
        code, out, _ = world.node_of("hub", NODE, server.endpoint, [server.endpoint, "two xorbs.bin"])
        assert code != 0 and want["two xorbs.bin"] not in out
    assert xet_requests(server) > 0
    hub.clear_faults()
    assert sha256(get(server.endpoint + "/org/big/resolve/main/two%20xorbs.bin").body) == want["two xorbs.bin"]
    code, out, err = world.node_of("hub", NODE, server.endpoint, [server.endpoint, "two xorbs.bin"])
    assert code == 0 and out.split() == [want["two xorbs.bin"]], err[-2000:]


def test_a_gated_file_with_a_callers_own_token(world):
    hub = world.hub()
    server = world.server(hub, env=ON)
    script = """
from huggingface_hub import hf_hub_download
print(hf_hub_download("org/gated", "model.safetensors"))
"""
    want = get(server.endpoint + "/org/gated/resolve/main/model.safetensors",
               {"Authorization": "Bearer hf_good"}, "HEAD").headers["ETag"].strip('"')
    for venv in VENVS:
        code, out, err = world.python_of(venv, script, server.endpoint, token="hf_good")
        assert code == 0, (venv, err[-2000:])
        assert sha256(out.splitlines()[-1]) == want, venv
        code, _, err = world.python_of(venv, script, server.endpoint, token="hf_other")
        assert code != 0 and "GatedRepo" in err, (venv, err[-2000:])
    assert "hf_good" not in server.text()


def test_a_flipped_byte_upstream_is_completed_by_no_client(world):
    hub, sha, want = world_of(world)
    for venv in VENVS:
        server = world.server(hub, data=f"data-{venv}", env=ON)
        hub.fault(host="cdn", match="two", kind="flip", offset=3 * MIB + 1)
        home = world.hf_home()
        for script, arguments in ((FILES, ["two xorbs.bin"]), (SNAPSHOT, [sha])):
            code, out, err = world.python_of(venv, script, server.endpoint, arguments, home=home,
                                             timeout=400)
            if code != 0:
                continue
            path = pathlib.Path(out.splitlines()[-1])
            path = path / "two xorbs.bin" if path.is_dir() else path
            assert sha256(path) == want["two xorbs.bin"], f"{venv} ended with a false file"
        assert xet_requests(server) > 0, venv
        hub.clear_faults()
        for place in (home, world.hf_home()):
            code, out, err = world.python_of(venv, FILES, server.endpoint, ["two xorbs.bin"],
                                             home=place, timeout=400)
            assert code == 0, (venv, err[-2000:])
            assert sha256(out.splitlines()[-1]) == want["two xorbs.bin"], venv
        server.stop()


def blocks_of(file):
    """How many blocks (1 MiB) of the numbered file have come; fails when one is not what it is."""
    here = number = 0
    with open(file, "rb", buffering=0) as part:
        while True:
            try:  # past what was never written
                number = os.lseek(part.fileno(), number * MIB, os.SEEK_DATA) // MIB
            except OSError as error:
                assert error.errno == errno.ENXIO
                return here
            block = os.pread(part.fileno(), MIB, number * MIB)
            number += 1
            if block == bytes(len(block)):
                continue  # not written yet
            assert block == number.to_bytes(8, "little") + bytes(len(block) - 8), number
            here += 1


def client_of_60_gb(world, server, venv):
    """Ends the client when it has 2 GiB, and looks at what it has."""
    home = world.hf_home()
    script = 'from huggingface_hub import hf_hub_download as d; d("org/huge", "huge.bin")'
    client = world.run_program(f"huge-{venv}", ["env", "-i", *(
        f"{k}={v}" for k, v in world.client_env(server.endpoint, home).items()),
        world.venvs / venv / "bin" / "python", "-c", script])

    def parts():
        files = (p for p in home.rglob("*") if p.is_file() and not p.is_symlink()
                 and "incomplete" in p.name)
        return sorted(files, key=lambda p: p.stat().st_blocks)

    def has():
        assert client.process.poll() is None, client.text()[-2000:]
        found = parts()
        return found and found[-1].stat().st_blocks * 512 >= 2 * GIB
    wait_until(has, f"{venv} has 2 GiB", seconds=900)
    client.process.kill()
    client.process.wait()
    assert blocks_of(parts()[-1]) >= 2000, venv
    shutil.rmtree(home)


@longer
def test_a_file_of_60_gb(world):
    size = 60_000_000_000
    hub = world.hub(seconds=60)
    hub.control("repo", {"id": "org/huge", "files": [
        {"path": "huge.bin", "size": size, "sparse": True, "numbered": True, "lfs": True,
         "claim_sha256": "ab" * 32}]})
    hub.fault(host="cdn", kind="hold", offset=8 * GIB)  # they ask for gigabytes ahead, but not that far
    # Of what has no room Xet is not offered; here there may be less than that on the disk.
    server, data = start_on_disk(world, hub, 100_000)
    with server.bounded_memory():
        for venv in VENVS if world.full else VENVS[-1:]:
            client_of_60_gb(world, server, venv)
    part, = (pathlib.Path(data) / "fills").glob("*.part")
    assert blocks_of(part) >= 2048
