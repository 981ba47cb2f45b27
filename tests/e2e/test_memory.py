"""What the server has in memory does not grow with what clients and the Hub leave undone."""
import contextlib
import hashlib
import socket

from harness import MIB, get, wait_until
from test_stream import Reader

REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
PATH = "/pulp/content/hf/org/model/resolve/main/"
FILLS = 80  # of 96 connections that one remote may have by the defaults
SIZE, HELD = 6 * MIB, 4 * MIB
ABSENT = 9_000  # paths of 14 kB
NAMED = 3_000  # requests of 14 kB, in each of which the client chooses something else
WINDOW = 64 * 1024  # what the kernel takes for a client that reads nothing
PASSED = 500
LISTED = 30_000  # files with paths of 200 bytes, in a document of 6 MB
READERS = 100
PATIENT = {"HUBCACHE_SERVER_WRITE_TIMEOUT": "30 min"}  # how long this test takes is no matter


def patient_server(world, hub, **fields):
    """Its remote waits for the Hub as long as it takes."""
    server = world.server(hub, env=PATIENT | {"HUBCACHE_SERVER_WORKERS": "4"})
    remote = server.rest("GET", REMOTES).json()["results"][0]["pulp_href"]
    assert server.rest("PATCH", remote, {"sock_read_timeout": 1800, **fields}).status == 202
    return server


def ask(port, name, path=PATH):
    """A client that reads no more than the first line, for now."""
    client = socket.socket()
    client.settimeout(120)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path}{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert client.recv(13) == b"HTTP/1.1 200 "
    return client


def digest_of_rest(client):
    """Of the body, which it reads now."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * WINDOW)
    answer = client.makefile("rb")
    while answer.readline() != b"\r\n":
        pass
    digest = hashlib.sha256()
    while piece := answer.read(MIB):
        digest.update(piece)
    return digest.hexdigest()


def sent_by_cdn(hub):
    return sum(r["body_bytes"] for r in hub.requests(host="cdn"))


def test_many_fills_at_once_with_slow_readers_and_a_stalled_hub(world):
    names = [f"fill{i}.bin" for i in range(FILLS)]
    hub = world.hub(*(word for name in names for word in ("--big", f"{name}:{SIZE}")), seconds=120)
    server = patient_server(world, hub)
    hub.fault(host="cdn", kind="hold", after=HELD)
    with server.bounded_memory(), contextlib.ExitStack() as clients:
        readers = [Reader(server.port, PATH + name) for name in names]
        slow = [clients.enter_context(ask(server.port, name)) for name in names]
        for name in names:
            ask(server.port, name).close()
        wait_until(lambda: all(r.count >= HELD - MIB for r in readers),
                   "each download has come to where the Hub is silent", 600)
        assert not server.stored()
        hub.release()
        right = [get(server.endpoint + "/org/model/resolve/main/" + name, method="HEAD")
                 .headers["ETag"].strip('"') for name in names]
        assert [reader.result() for reader in readers] == right
        assert [digest_of_rest(client) for client in slow] == right
    assert sent_by_cdn(hub) == FILLS * SIZE


def test_many_slow_readers_of_what_is_passed_through(world):
    hub = world.hub("--big", f"big.bin:{64 * MIB}")
    server = patient_server(world, hub, policy="streamed")
    # The kernel does not keep megabytes for each of them then: it has a bound for all connections.
    hub.fault(host="cdn", kind="hold", after=MIB // 2)
    with server.bounded_memory(), contextlib.ExitStack() as clients:
        for _ in range(PASSED):
            clients.enter_context(ask(server.port, "big.bin"))
    assert not server.stored() and not list(server.data.glob("fills/*"))


def test_a_long_document_is_in_memory_once_for_all_who_read_it(world):
    hub = world.hub()
    hub.control("repo", {"id": "org/many", "files": [
        {"path": f"{'x' * 194}{i:06}", "size": 1} for i in range(LISTED)]})
    server = patient_server(world, hub)
    path = "/pulp/content/hf/api/models/org/many"
    right = hashlib.sha256(get(f"{server.origin}{path}").body).hexdigest()
    with server.bounded_memory(), contextlib.ExitStack() as clients:
        readers = [clients.enter_context(ask(server.port, "", path)) for _ in range(READERS)]
        assert all(digest_of_rest(reader) == right for reader in readers)


def test_absent_paths_that_clients_choose_are_remembered_while_they_are_short(world):
    server = world.server(world.hub(), env={"HUBCACHE_SERVER_WORKERS": "1"})
    for name in ("config.json", "model.safetensors"):
        assert get(f"{server.origin}{PATH}{name}").status == 200
    with server.bounded_memory(), socket.create_connection(("127.0.0.1", server.port)) as client:
        answers = client.makefile("rb")
        for i in range(ABSENT):
            client.sendall(f"HEAD {PATH}{'x' * 14_000}{i} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert answers.readline() == b"HTTP/1.1 404 Not Found\r\n"
            while answers.readline() != b"\r\n":
                pass


def test_names_that_clients_choose_are_not_kept(world):
    hub = world.hub()
    server = world.server(hub, env={"HUBCACHE_SERVER_WORKERS": "1"})
    for name in ("config.json", "model.safetensors"):
        assert get(f"{server.origin}{PATH}{name}").status == 200
    far = "x" * 14_000
    with server.bounded_memory(), socket.create_connection(("127.0.0.1", server.port)) as client:
        answers = client.makefile("rb")
        for i in range(NAMED):
            for method, target, host in (("GET", f"config.json?{far}{i}", "localhost"),
                                         ("HEAD", "model.safetensors", f"{far}{i}.localhost"),
                                         ("HEAD", f"model.safetensors?{i}", f"{far}.localhost")):
                client.sendall(f"{method} {PATH}{target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                size = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                if method == "GET":
                    answers.read(size)
