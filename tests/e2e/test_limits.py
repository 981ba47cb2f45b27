"""A Hub that asks for fewer requests: clients wait with hubcache, or are told when to return. And a
machine that allows no more."""
import concurrent.futures
import http.client
import os
import pathlib
import re
import socket

from harness import MIB, get, is_sanitized, sha256, wait_until

DOWNLOAD = """
from huggingface_hub import hf_hub_download
print(open(hf_hub_download("org/model", "config.json")).read())
"""


def download(world, server, version):
    code, out, err = world.python(version, DOWNLOAD, server.endpoint)
    assert code == 0, err[-2000:]
    return out


def test_a_short_limit_is_waited_out_for_every_client(world):
    hub = world.hub()
    want = get(hub.url + "/org/model/raw/main/config.json").body.decode().strip()
    for version in ("2.4", "0.25"):
        server = world.server(hub, data=f"data-{version}")
        hub.clear_faults()
        hub.fault(kind="limit", match="/resolve/", delay_ms=1500)
        assert download(world, server, version) == want, version
        server.stop()


def test_a_client_that_reads_the_limit_comes_back_when_it_has_ended(world):
    hub = world.hub()
    server = world.server(hub)
    want = get(hub.url + "/org/model/raw/main/config.json").body.decode().strip()
    hub.fault(kind="limit", match="/resolve/", delay_ms=6000)
    assert download(world, server, "2.4") == want
    asked = [r for r in hub.requests(host="hub", part="/resolve/") if r["status"] == 429]
    assert len(asked) == 1, "the Hub was left alone until its window had ended"


def test_a_server_out_of_descriptors_serves_whom_it_has_and_goes_on(world):
    if is_sanitized(world.binary):
        print("  left out: UBSan opens a pipe to look at an object, and ends the program where it cannot")
        return
    hub = world.hub()
    server = world.server(hub, within=["prlimit", "--nofile=100:100"])
    path = "/org/model/resolve/main/model.safetensors"
    right = sha256(get(hub.url + path).body)
    cold = "/datasets/org/dataset/resolve/main/data/train.bin"
    right_of_cold = sha256(get(hub.url + cold).body)
    standing = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    assert ask(standing, "/org/model/resolve/main/config.json")[0] == 200
    hub.forget()
    hub.fault(host="cdn", kind="hold", after=4 * MIB)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reading = pool.submit(get, server.endpoint + path)
        wait_until(lambda: hub.body_bytes() >= 4 * MIB, "a download runs")
        crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
        wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) >= 95, "none is left")
        # It needs descriptors that are not there: what comes is right, or an error.
        status, content = ask(standing, cold)
        assert status in (502, 503) or (status, content) == (200, right_of_cold), status
        hub.release()
        assert sha256(reading.result().body) == right
        for connection in crowd:
            connection.close()
    wait_until(lambda: answers(server, path) == right, "new clients are served again")
    wait_until(lambda: ask(standing, cold) == (200, right_of_cold), "the cold file comes whole")
    assert server.stop() == 0


def test_files_that_are_kept_open_leave_descriptors_for_clients(world):
    hub = world.hub()
    names = [f"{size}.bin" for size in range(1000, 1300)]  # each another content
    hub.control("repo", {"id": "org/many", "files": [
        {"path": name, "size": int(name[:4])} for name in names]})
    server = world.server(hub, within=["prlimit", "--nofile=200:200"])
    for _ in range(2):  # a file is kept open from when it is read again
        for name in names:
            assert get(server.endpoint + "/org/many/resolve/main/" + name).status == 200
    assert len(os.listdir(f"/proc/{server.pid}/fd")) < 120
    assert "Too many open files" not in server.text()


def test_a_server_takes_all_descriptors_it_may_have(world):
    server = world.server(world.hub(), within=["prlimit", "--nofile=64:4096"])
    limits = pathlib.Path(f"/proc/{server.pid}/limits").read_text()
    assert re.search(r"Max open files +4096 +4096 ", limits), limits


def ask(connection, path):
    """The status of an answer, on a connection that stays open, and the digest of its body."""
    connection.request("GET", "/pulp/content/hf" + path)
    reply = connection.getresponse()
    return reply.status, sha256(reply.read())


def answers(server, path):
    try:
        return sha256(get(server.endpoint + path, timeout=5).body)
    except OSError:
        return None
