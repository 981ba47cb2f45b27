"""A disk that is full, and a cache that is smaller than what it is asked for, with the real binary."""
import concurrent.futures
import os
import pathlib
import re
import signal

from harness import MIB, get, sha256, wait_until

SMALL = MIB // 4
BIG = 12 * MIB + 7
CAP = 30 * MIB
# By each a client of another time, with its hf_xet: 1.0, 1.2, 1.4, 1.5 and the newest.
XET_VENVS = ("xet-0.30", "xet-0.36", "xet-1.0", "xet-1.22", "hfh-2.4")
FILE = 'from huggingface_hub import hf_hub_download as d; print(d("org/room", "big.bin"))'
# Newer ones ask for a list of files first, and by that for those that it says Xet has.
SNAPSHOT = """
import os, sys
from huggingface_hub import snapshot_download
print(os.path.join(snapshot_download("org/room", revision=sys.argv[1]), "big.bin"))
"""


def start_on_disk(world, hub, megabytes):
    """The server in a mount namespace of its own, its data on a tmpfs of that size, which may be more
    than there is memory. Returns it and the folder, as it is seen from here."""
    (world.folder / "data").mkdir()
    script = f'mount -t tmpfs -o size={megabytes}m tmpfs "$1" && shift && exec "$@"'
    env = {"HUBCACHE_STORAGE_MIN_FREE": "0", "HUBCACHE_STORAGE_MAX_SIZE": "0"}
    server = world.server(hub, env=env, within=["unshare", "-rm", "sh", "-c", script, "sh",
                                                world.folder / "data"])
    return server, f"/proc/{server.pid}/root{world.folder}/data"


def fill_up(folder):
    """Another program takes all that is left."""
    with open(folder + "/others", "wb", buffering=0) as out:
        for size in (MIB, 4096):
            try:
                while True:
                    out.write(os.urandom(size))
            except OSError:
                pass


def add_files(hub, names, size):
    hub.control("repo", {"id": "org/room", "files": [
        {"path": name, "size": size, "seed": 50 + i, "lfs": True} for i, name in enumerate(names)]})


def expect_right(hub, server, name, **headers):
    path = f"/org/room/resolve/main/{name}"
    here = get(server.endpoint + path, headers)
    assert here.status in (200, 206), (here.status, here.body[:200])
    there = get(hub.url + path, headers)
    assert here.body == there.body, (name, len(here.body), len(there.body))
    return here


def disk_use(*folders):
    """Of all files there but the reserve, which is for the day when the disk is full."""
    total = 0
    for folder in folders:
        for where, _, files in os.walk(folder):
            for file in files:
                try:
                    total += os.lstat(os.path.join(where, file)).st_blocks * 512 * (file != "reserve")
                except FileNotFoundError:
                    pass
    return total


def test_a_disk_that_is_full_from_the_start_serves_everything(world):
    hub = world.hub()
    add_files(hub, ["big.bin", "other.bin"], BIG)
    server, folder = start_on_disk(world, hub, 24)
    fill_up(folder)
    for _ in range(2):
        expect_right(hub, server, "big.bin")
        expect_right(hub, server, "big.bin", Range="bytes=1000000-3000000")
    for path in ("/org/model/resolve/main/config.json", "/org/model/resolve/main/README.md"):
        assert get(server.endpoint + path).body == get(hub.url + path).body
        assert get(server.endpoint + path, method="HEAD").status == 200
    for path in ("/api/models/org/model", "/api/models/org/model/tree/main?recursive=true"):
        assert get(server.endpoint + path).status == 200
    assert get(server.endpoint + "/org/none/resolve/main/x").status == 401
    assert "the disk is full or fails, passing through" in server.text()
    os.remove(folder + "/others")
    expect_right(hub, server, "other.bin")
    wait_until(lambda: sum(len(f) for _, _, f in os.walk(folder + "/blobs")) > 0, "stored again")
    hub.forget()
    expect_right(hub, server, "other.bin")
    assert not [r for r in hub.requests() if r["headers"].get("user-agent", "").startswith("hubcache")]
    assert server.stop() == 0


def disk_of(world, megabytes):
    """A tmpfs as the data directory, for as long as the test: the command to run something where it is
    seen, and the folder as it is seen from here."""
    folder = world.folder / "data"
    folder.mkdir()
    script = f'mount -t tmpfs -o size={megabytes}m tmpfs "$1" && echo mounted && exec sleep 3600'
    keeper = world.run_program("disk", ["unshare", "-rm", "sh", "-c", script, "sh", folder])
    keeper.wait_for("mounted")
    within = ["nsenter", "-t", str(keeper.pid), "-U", "-m", "--preserve-credentials"]
    return within, pathlib.Path(f"/proc/{keeper.pid}/root{folder}")


def free_of(folder):
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def test_a_disk_that_others_filled_is_one_to_start_and_to_tidy_up_on(world):
    hub = world.hub()
    add_files(hub, ["big.bin", "other.bin"], BIG)
    within, folder = disk_of(world, 96)
    env = {"HUBCACHE_STORAGE_MIN_FREE": "0", "HUBCACHE_STORAGE_MAX_SIZE": "0"}
    server = world.server(hub, env=env, within=within)
    for name in ("big.bin", "other.bin"):
        expect_right(hub, server, name)
    path = "/org/model/resolve/main/config.json"
    wait_until(lambda: len(list((folder / "blobs/sha256").glob("*/*"))) == 2, "both are stored")
    assert server.stop() == 0
    fill_up(str(folder))
    assert free_of(folder) == 0

    server = world.server(hub, env=env, within=within)
    expect_right(hub, server, "big.bin")
    assert get(server.endpoint + path).body == get(hub.url + path).body
    server.stop(signal.SIGKILL)
    fill_up(str(folder))
    with open(folder / "lock", "rb") as lock:
        assert lock.read() != b"", "that it was killed is known"
    (folder / "lock").write_bytes(b"")
    fill_up(str(folder))

    def run(*arguments):
        return world.run(*within, world.binary, *arguments, "--data-dir", world.folder / "data",
                         check=False)
    listed = run("ls")
    assert listed.returncode == 0, listed.stderr
    digest = re.search(r"sha256:[0-9a-f]{64}", listed.stdout.decode())[0]
    removed = run("rm", digest)
    assert removed.returncode == 0, removed.stderr
    assert free_of(folder) >= BIG
    assert run("gc", "--protection", "0 s").returncode == 0


def test_what_the_hub_says_of_repositories_keeps_to_the_limits_and_stores_on(world):
    hub = world.hub()
    add_files(hub, [f"{i}.bin" for i in range(11)], 9 * MIB)
    within, folder = disk_of(world, 160)
    env = {"HUBCACHE_STORAGE_MIN_FREE": "16 MiB", "HUBCACHE_STORAGE_MAX_SIZE": "100 MiB"}
    server = world.server(hub, env=env, within=within)
    for i in range(11):
        expect_right(hub, server, f"{i}.bin")
    most = 0
    for n in range(12):
        repo = f"org/wide{n}"
        hub.control("repo", {"id": repo, "files": [
            {"path": f"{'d' * 60}{n}/{'e' * 60}/{'f' * 60}{i}.txt", "content": "x"} for i in range(4_000)]})
        for path in (f"/api/models/{repo}", f"/api/models/{repo}/tree/main?recursive=true"):
            assert get(server.endpoint + path).status == 200
        for i in range(2):
            file = f"/{repo}/resolve/main/{'d' * 60}{n}/{'e' * 60}/{'f' * 60}{i}.txt"
            assert get(server.endpoint + file, method="HEAD").status == 200
        most = max(most, disk_use(folder))
    assert most <= 112 * MIB, most  # what a second brings, and the log of the database, beside
    assert free_of(folder) >= 16 * MIB
    wait_until(lambda: disk_use(folder) <= 101 * MIB, "the limit holds again")
    hub.control("repo", {"id": "org/new", "files": [{"path": "new.bin", "size": MIB, "seed": 7, "lfs": True}]})
    here = get(server.endpoint + "/org/new/resolve/main/new.bin")
    assert here.status == 200
    kept = folder / "blobs/sha256" / sha256(here.body)[:2] / sha256(here.body)[2:]
    wait_until(kept.exists, "what is new is stored")


def test_a_read_only_disk_is_told_at_the_start(world):
    folder = world.folder / "data"
    folder.mkdir()
    script = 'mount -t tmpfs -o ro tmpfs "$1" && exec "$2" serve --data-dir "$1" --listen 127.0.0.1:0'
    done = world.run("unshare", "-rm", "sh", "-c", script, "sh", folder, world.binary, check=False)
    assert done.returncode == 1 and b"Read-only file system" in done.stderr, done.stderr


def test_a_disk_that_fills_up_in_mid_download_cuts_nobody(world):
    hub = world.hub()
    add_files(hub, ["big.bin"], BIG)
    server, folder = start_on_disk(world, hub, 24)
    path = "/org/room/resolve/main/big.bin"
    right = get(hub.url + path).body
    hub.forget()
    hub.fault(kind="hold", host="cdn", after=5 * MIB)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        whole = [pool.submit(get, server.endpoint + path) for _ in range(3)]
        part = pool.submit(get, server.endpoint + path, {"Range": "bytes=4000000-9000000"})
        wait_until(lambda: hub.body_bytes() >= 5 * MIB, "the half of it is there")
        fill_up(folder)
        hub.release()
        for answer in whole:
            assert sha256(answer.result().body) == sha256(right)
        assert part.result().body == right[4000000:9000001]
    assert "the disk is full or fails, passing through" in server.text()


def expect_plain_download(world, server, venv, script, sha, want):
    code, out, err = world.python_of(venv, script, server.endpoint, [sha])
    assert code == 0, (venv, err[-2000:])
    assert sha256(out.splitlines()[-1]) == want, venv
    assert server.never_used_xet(), venv


def test_clients_of_xet_get_what_there_is_no_room_for(world):
    hub = world.hub()
    add_files(hub, ["big.bin"], BIG)
    sha = get(hub.url + "/api/models/org/room").json()["sha"]
    want = sha256(get(hub.url + "/org/room/resolve/main/big.bin").body)
    server, folder = start_on_disk(world, hub, 24)
    fill_up(folder)
    for venv in XET_VENVS:
        for script in (FILE, SNAPSHOT):
            expect_plain_download(world, server, venv, script, sha, want)
    os.remove(folder + "/others")
    code, out, err = world.python_of(XET_VENVS[-1], SNAPSHOT, server.endpoint, [sha])
    assert code == 0 and sha256(out.splitlines()[-1]) == want, err[-2000:]
    server.stop()  # by then its access log is written
    assert not server.never_used_xet()
    server = world.server(hub, data="other", env={"HUBCACHE_STORAGE_MAX_SIZE": "8 MiB"})
    server.log.write_text("")
    for venv in XET_VENVS:
        expect_plain_download(world, server, venv, SNAPSHOT, sha, want)
    assert_passed_with_a_warning(server, want)


def assert_passed_with_a_warning(server, digest):
    lines = [line for line in server.text().splitlines() if digest in line]
    assert any(" warn " in line and "passing through" in line and f"size={BIG}" in line
               and "there is no room for a file of that size" in line for line in lines), lines


def test_a_disk_that_fills_up_in_mid_download_by_xet_gives_nobody_a_false_file(world):
    hub = world.hub()
    add_files(hub, ["big.bin"], 2 * BIG)
    want = sha256(get(hub.url + "/org/room/resolve/main/big.bin").body)
    server, folder = start_on_disk(world, hub, 40)
    for venv in XET_VENVS:
        hub.forget()
        hub.fault(kind="hold", host="cdn", after=15 * MIB)
        home = world.hf_home()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(world.python_of, venv, FILE, server.endpoint, home=home)
            wait_until(lambda: hub.body_bytes() >= 15 * MIB, "some of it is there")
            fill_up(folder)
            hub.release()
            code, out, err = first.result()
        hub.clear_faults()
        assert code != 0 or sha256(out.splitlines()[-1]) == want, venv
        # Begun again it comes whole.
        code, out, err = world.python_of(venv, FILE, server.endpoint, home=home)
        assert code == 0 and sha256(out.splitlines()[-1]) == want, (venv, err[-2000:])
        os.remove(folder + "/others")


def test_kills_in_the_middle_of_eviction_leave_the_cap_in_force(world):
    hub = world.hub()
    names = [f"{i}.bin" for i in range(12)]
    add_files(hub, names, 4 * MIB)
    env = {"HUBCACHE_STORAGE_MAX_SIZE": f"{CAP} B", "HUBCACHE_STORAGE_MIN_FREE": "0"}
    most = 0
    for round_number in range(5):
        server = world.server(hub, env=env)
        fetched = []
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            def fetch(name):
                try:
                    fetched.append(get(server.endpoint + f"/org/room/resolve/main/{name}").status)
                except OSError:
                    pass  # it was killed
            for name in names[round_number:] + names[:round_number]:
                pool.submit(fetch, name)
            wait_until(lambda: len(fetched) >= 4 + round_number, "some were fetched")
            server.stop(signal.SIGKILL)
            # While it runs, files go and come as they are counted.
            most = max(most, disk_use(server.data / "blobs", server.data / "fills"))
    server = world.server(hub, env=env)
    for name in names * 2:
        expect_right(hub, server, name)
        most = max(most, disk_use(server.data / "blobs", server.data / "fills"))
    assert most <= CAP, most
    assert len(server.stored()) >= 5
