"""What the operator does to the store from the command line, with a server and without."""
import contextlib
import http.client
import os
import sqlite3
import urllib.request

from harness import MIB, command, get, wait_until

NAMES = ("one.bin", "two.bin", "three.bin")


def serve_files(world, **settings):
    """A server that has stored all NAMES. Returns the hub, it and the digests by name."""
    hub = world.hub()
    hub.control("repo", {"id": "org/care", "files": [
        {"path": name, "size": MIB + i, "seed": 70 + i, "lfs": True} for i, name in enumerate(NAMES)]})
    server = world.server(hub, env=settings)
    digests = {}
    for name in NAMES:
        answer = fetch(server, name)
        assert answer.status == 200
        digests[name] = "sha256:" + answer.headers["ETag"].strip('"')
    wait_until(lambda: len(server.stored()) == len(NAMES), "all are stored")
    wait_until(lambda: len(listed(world, server)) == len(NAMES), "all have rows")
    return hub, server, digests


def fetch(server, name):
    return get(f"{server.endpoint}/org/care/resolve/main/{name}")


def listed(world, server):
    """Lines of `hubcache ls` by digest."""
    lines = command(world, server, "ls").splitlines()
    assert lines[0].split() == ["SIZE", "USED", "PINNED", "DIGEST"]
    return {line.split()[-1]: line for line in lines[1:]}


def file_of(server, digest):
    algorithm, name = digest.split(":")
    return server.data / "blobs" / algorithm / name[:2] / name[2:]


def damage(server, digest):
    file = file_of(server, digest)
    file.chmod(0o600)
    with open(file, "r+b") as out:
        out.seek(1000)
        byte = out.read(1)
        out.seek(1000)
        out.write(bytes([byte[0] ^ 1]))


def is_left_in_order(server):
    """The next start need not look for what was lost."""
    return (server.data / "lock").read_bytes() == b""


def test_verify_finds_what_is_not_right_and_has_it_fetched_anew(world):
    hub, server, digests = serve_files(world)
    right = {name: get(hub.url + f"/org/care/resolve/main/{name}").body for name in NAMES}
    assert command(world, server, "verify") == "3 checked, 0 not right"
    damage(server, digests["one.bin"])
    file_of(server, digests["two.bin"]).unlink()
    hub.forget()
    lines = command(world, server, "verify", "--rate", "500 MiB", code=1, out=True).splitlines()
    assert sorted(lines[:-1]) == sorted([f"false  {digests['one.bin']}", f"missing  {digests['two.bin']}"])
    assert lines[-1] == "3 checked, 2 not right, 2 fetched anew"
    assert [f.name for f in (server.data / "quarantine").iterdir()] == \
        [digests["one.bin"].replace(":", "-")]
    for name in NAMES:
        assert fetch(server, name).body == right[name]
    sent = {name: sum(r["body_bytes"] for r in hub.requests(host="cdn", part=name)) for name in NAMES}
    assert sent == {"one.bin": len(right["one.bin"]), "two.bin": len(right["two.bin"]), "three.bin": 0}
    assert command(world, server, "verify") == "3 checked, 0 not right"
    assert server.stop() == 0
    damage(server, digests["three.bin"])
    last = command(world, server, "verify", code=1, out=True).splitlines()[-1]
    assert last == "3 checked, 1 not right, 0 fetched anew"  # no server runs
    assert command(world, server, "verify") == "2 checked, 0 not right"
    refused = command(world, server, "verify", "--rate", "much", code=2)
    assert refused.startswith('hubcache: "much" is no size')


def test_blobs_are_listed_removed_pinned_and_orphans_go(world):
    hub, server, digests = serve_files(world)
    lines = listed(world, server)
    assert lines[digests["two.bin"]].split()[0] == str(MIB + 1)
    command(world, server, "pin", digests["one.bin"])
    assert [d for d, line in listed(world, server).items() if " yes " in line] == [digests["one.bin"]]
    command(world, server, "unpin", digests["one.bin"])
    assert not [line for line in listed(world, server).values() if " yes " in line]

    command(world, server, "rm", digests["two.bin"], digests["three.bin"])
    assert list(listed(world, server)) == [digests["one.bin"]]
    assert len(server.stored()) == 1
    missing = command(world, server, "rm", digests["two.bin"], code=1)
    assert missing == f"there is no blob {digests['two.bin']}"
    assert "is no digest" in command(world, server, "rm", "two.bin", code=2)
    assert fetch(server, "two.bin").status == 200  # fetched anew
    wait_until(lambda: len(listed(world, server)) == 2, "it is stored again")

    assert command(world, server, "gc", "--protection", "0").startswith("0 blobs")
    remotes = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
    remote = server.rest("GET", remotes).json()["results"][0]["pulp_href"]
    assert server.rest("PATCH", remote, {"hf_token": "hf_another"}).status in (200, 202)
    wait_until(lambda: "0 blobs" not in command(world, server, "gc", "--protection", "0"), "orphans")
    assert listed(world, server) == {}
    assert server.stop() == 0
    assert command(world, server, "gc") == "0 blobs and 0 entries removed"
    assert is_left_in_order(server)


def test_a_damaged_database_is_told_and_made_anew_without_losing_a_blob(world):
    hub, server, digests = serve_files(world)
    command(world, server, "user", "add", "ci", "--generate")
    assert "is running on the data directory" in command(world, server, "rebuild", code=1)
    assert server.stop() == 0
    files = [file.stat().st_ino for file in server.stored()]
    database = server.data / "hubcache.db"
    whole = database.read_bytes()
    database.write_bytes(bytes(4096) + whole[4096:])
    told = command(world, server, "ls", code=1)
    assert "`hubcache rebuild`" in told and "database" in told, told
    lines = command(world, server, "rebuild", code=1, out=True).splitlines()
    assert lines[:2] == ["3 blobs found", f"kept as {database}.damaged"] and "accounts" in lines[2]
    assert (server.data / "hubcache.db.damaged").stat().st_size == len(whole)

    server = world.server(hub)
    for name in NAMES:
        assert fetch(server, name).body == get(hub.url + f"/org/care/resolve/main/{name}").body
    assert [file.stat().st_ino for file in server.stored()] == files  # none was fetched anew
    assert sorted(listed(world, server)) == sorted(digests.values())
    assert server.stop() == 0


def test_security_rule_14_what_a_rebuild_finds_is_hashed_again_and_brings_no_proof(world):
    hub, server, digests = serve_files(world)
    right = {name: get(hub.url + f"/org/care/resolve/main/{name}").body for name in NAMES}
    hub.control("repo", {"id": "org/twin", "files": [
        {"path": "one.bin", "size": MIB, "seed": 70, "lfs": True}]})
    hub.control("repo", {"id": "org/liar", "files": [
        {"path": "one.bin", "size": MIB, "seed": 99, "lfs": True,
         "claim_sha256": digests["one.bin"].removeprefix("sha256:")}]})
    assert server.stop() == 0
    damage(server, digests["three.bin"])
    assert command(world, server, "rebuild").splitlines()[0] == "3 blobs found"
    kept = {file_of(server, digests[name]): written(file_of(server, digests[name]))
            for name in ("one.bin", "two.bin")}

    server = world.server(hub)
    # It goes to nobody who only knows its name, and to nobody before the Hub has sent it.
    lies = get(hub.url + "/org/liar/resolve/main/one.bin").body
    told = received(f"{server.endpoint}/org/liar/resolve/main/one.bin")
    assert len(told) < MIB and lies.startswith(told) and lies != right["one.bin"]
    hub.fault(host="cdn", kind="status", status=500)
    assert fetch(server, "one.bin").status == 502
    hub.clear_faults()
    hub.forget()
    for name in NAMES:
        assert fetch(server, name).body == right[name]
        assert sent_of(hub, name) == len(right[name]), f"{name} is proven by all of it"
    for name in NAMES:
        assert fetch(server, name).body == right[name]
        assert sent_of(hub, name) == len(right[name]), f"{name} is proven once"
    # What is right stays as it is, what is false was found to be so.
    assert {file: written(file) for file in kept} == kept
    wait_until(file_of(server, digests["three.bin"]).exists, "the damaged file was replaced")
    assert file_of(server, digests["three.bin"]).read_bytes() == right["three.bin"]
    # Once the hub has sent it, a sample proves that another of its repositories has it.
    hub.forget()
    assert get(f"{server.endpoint}/org/twin/resolve/main/one.bin").body == right["one.bin"]
    assert 0 < sent_of(hub, "") < MIB
    assert server.stop() == 0


def written(file):
    """Which file it is, and as of when."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def sent_of(hub, name):
    """The bytes of the file that the CDN has sent."""
    return sum(r["body_bytes"] for r in hub.requests(host="cdn", part=name))


def received(url):
    """What comes of it until it ends or is cut; nothing when it is refused."""
    body = b""
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            while piece := reply.read(4096):
                body += piece
    except OSError:
        pass
    return body


def test_a_server_that_finds_its_database_damaged_says_so_once_with_what_to_do(world):
    _, server, _ = serve_files(world)
    database = server.data / "hubcache.db"
    with contextlib.closing(sqlite3.connect(database)) as sql:
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(database, "r+b") as file:
        file.seek(4096)
        file.write(b"x" * (database.stat().st_size - 4096))
    for _ in range(5):
        assert server.rest("GET", "/pulp/api/v3/tasks/").status == 502
    def told():
        return [line for line in server.text().splitlines() if "hubcache rebuild" in line]
    wait_until(told, "it is in the log")
    lines = told()
    assert len(lines) == 1 and "ERROR" in lines[0].upper() and "database is damaged" in lines[0], lines


def test_what_can_be_read_of_a_database_is_taken_over(world):
    hub, server, _ = serve_files(world)
    command(world, server, "user", "add", "ci", "--generate")
    before = server.rest("GET", "/pulp/api/v3/remotes/hugging_face/hugging-face/").json()
    assert server.stop() == 0
    assert command(world, server, "rebuild").splitlines()[0] == "3 blobs found"
    assert is_left_in_order(server)
    assert " ci" in command(world, server, "user", "list")
    server = world.server(hub)
    assert server.rest("GET", "/pulp/api/v3/remotes/hugging_face/hugging-face/").json()["results"][0]["name"] \
        == before["results"][0]["name"]
    assert fetch(server, "one.bin").status == 200
    assert server.stop() == 0


def test_a_file_that_cannot_be_read_while_it_is_served_is_cut_and_fetched_anew(world):
    hub, server, digests = serve_files(world, HUBCACHE_SERVER_WORKERS="1")
    right = fetch(server, "two.bin").body  # from now on it is open
    with open(file_of(server, digests["two.bin"]), "r+b") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(MIB // 2)
    try:
        whole = fetch(server, "two.bin")
        assert False, f"{len(whole.body)} bytes came in the end"
    except (http.client.IncompleteRead, ConnectionError):
        pass
    quarantine = server.data / "quarantine"
    wait_until(lambda: quarantine.exists() and list(quarantine.iterdir()), "it is out of the way")
    hub.forget()
    for _ in range(2):
        assert fetch(server, "two.bin").body == right
    wait_until(lambda: file_of(server, digests["two.bin"]).exists(), "it is stored again")
    assert hub.requests(host="cdn", method="GET")
