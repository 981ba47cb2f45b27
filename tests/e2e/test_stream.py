"""A cold file streams while it is stored; it is downloaded once; any moment is good for kill -9."""
import hashlib
import http.client
import signal
import threading

from harness import MIB, get, sha256, wait_until

GIB = 1024 * MIB
BIG = "/org/model/resolve/main/big.bin"


class Reader(threading.Thread):
    """Reads a URL to its end, keeping count and digest only."""

    def __init__(self, port, path):
        super().__init__(daemon=True)
        self.port, self.path = port, path
        self.count, self.failure, self.content = 0, None, None
        self.digest = hashlib.sha256()  # of what has come
        self.start()

    def run(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            connection.request("GET", self.path)
            reply = connection.getresponse()
            assert reply.status == 200, reply.status
            while piece := reply.read(MIB):
                self.digest.update(piece)
                self.count += len(piece)
            self.content = self.digest.hexdigest()
        except Exception as failure:
            self.failure = failure

    def result(self):
        self.join(300)
        assert not self.is_alive() and self.failure is None, self.failure
        return self.content


def test_a_cold_gib_streams_in_bounded_memory_for_eight_clients_at_once(world):
    hub = world.hub("--big", f"big.bin:{GIB}")
    server = world.server(hub)
    hub.fault(host="cdn", match="", kind="hold", after=300 * MIB)
    path = "/pulp/content/hf" + BIG
    with server.bounded_memory():
        readers = [Reader(server.port, path) for _ in range(8)]
        wait_until(lambda: all(r.count > 32 * MIB for r in readers),
                   "bytes reach all clients while the Hub holds the rest back", 60)
        hub.release()
        etag = get(server.origin + path, method="HEAD").headers["ETag"].strip('"')
        assert {r.result() for r in readers} == {etag}
    sent = sum(r["body_bytes"] for r in hub.requests(host="cdn"))
    assert sent == GIB, f"{sent / GIB:.3f} times the file came from upstream"
    hub.forget()
    assert Reader(server.port, path).result() == etag
    assert not hub.requests(host="cdn")


def test_a_client_that_leaves_does_not_stop_the_fill(world):
    hub = world.hub("--big", f"big.bin:{64 * MIB}")
    server = world.server(hub)
    hub.fault(host="cdn", match="", kind="hold", after=8 * MIB)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/pulp/content/hf" + BIG)
    reply = connection.getresponse()
    assert len(reply.read(MIB)) == MIB
    connection.close()
    hub.release()
    wait_until(lambda: any(p.stat().st_size == 64 * MIB for p in server.stored()),
               "the file is stored though nobody waits for it")


def test_kill_9_in_mid_fill_loses_only_what_was_not_synced(world):
    size = 256 * MIB
    hub = world.hub("--big", f"big.bin:{size}")
    server = world.server(hub)
    hub.fault(host="cdn", match="", kind="hold", after=160 * MIB)
    reader = Reader(server.port, "/pulp/content/hf" + BIG)
    wait_until(lambda: reader.count >= 140 * MIB, "most of the file has come")
    wait_until(lambda: any(m.stat().st_size > 0 for m in server.data.glob("fills/*.map")),
               "a checkpoint was written")
    server.stop(signal.SIGKILL)
    hub.clear_faults()
    hub.release()
    hub.forget()
    server = world.server(hub)
    etag = get(server.endpoint + BIG, method="HEAD").headers["ETag"].strip('"')
    assert Reader(server.port, "/pulp/content/hf" + BIG).result() == etag
    sent = sum(r["body_bytes"] for r in hub.requests(host="cdn"))
    assert 0 < sent <= size - 48 * MIB, f"{sent / MIB} MiB were fetched again"
    wait_until(lambda: [p for p in server.stored() if p.stat().st_size == size], "it is stored")
    assert [sha256(p) for p in server.stored() if p.stat().st_size == size] == [etag]


def test_sigterm_in_mid_fill_parks_it(world):
    size = 96 * MIB
    hub = world.hub("--big", f"big.bin:{size}")
    server = world.server(hub, arguments=["--shutdown-timeout", "1 s"])
    right = get(hub.url + BIG).body
    hub.fault(host="cdn", match="", kind="hold", after=48 * MIB)
    reader = Reader(server.port, "/pulp/content/hf" + BIG)
    wait_until(lambda: reader.count >= 40 * MIB, "half of the file has come")
    assert server.stop(seconds=20) == 0
    reader.join(20)
    assert 40 * MIB <= reader.count < size, f"{reader.count} bytes came, {reader.failure}"
    assert reader.digest.hexdigest() == sha256(right[:reader.count]), "what came is the start of the file"
    hub.clear_faults()
    hub.release()
    hub.forget()
    server = world.server(hub)
    etag = get(server.endpoint + BIG, method="HEAD").headers["ETag"].strip('"')
    assert Reader(server.port, "/pulp/content/hf" + BIG).result() == etag
    sent = sum(r["body_bytes"] for r in hub.requests(host="cdn"))
    assert sent <= size - 32 * MIB, f"{sent / MIB} MiB were fetched again"


def test_ranges_and_conditions(world):
    hub = world.hub()
    server = world.server(hub)
    url = server.endpoint + "/org/model/resolve/main/model.safetensors"
    whole = get(hub.url + "/org/model/resolve/main/model.safetensors").body
    size = len(whole)
    for _ in ("cold", "warm"):
        for spec, part in (("0-99", whole[:100]), ("-100", whole[-100:]), ("1000-", whole[1000:]),
                           (f"{size - 10}-{size + 10}", whole[-10:])):
            reply = get(url, {"Range": f"bytes={spec}"})
            assert reply.status == 206 and reply.body == part, spec
            assert reply.headers["Content-Range"].endswith(f"/{size}")
        past = get(url, {"Range": f"bytes={size}-"})
        assert past.status == 416 and past.headers["Content-Range"] == f"bytes */{size}"
        etag = get(url, method="HEAD").headers["ETag"]
        assert get(url, {"If-None-Match": etag}).status == 304
        assert get(url, {"Range": "bytes=0-9", "If-Range": etag}).status == 206
        assert get(url, {"Range": "bytes=0-9", "If-Range": '"other"'}).status == 200
