"""Ranges as real clients ask for them: many connections, a size probe first, several at once."""
import email
import email.policy
import threading

from harness import MIB, get, wait_until

FILE = "/org/model/resolve/main/big.bin"
SIZE = 50 * MIB + 12345


def cold(world):
    """A Hub, a server, and the bytes of a large file that the server has not seen. The link is the
    bottleneck, as in life: on loopback the sockets of a busy machine hold megabytes on their way."""
    hub = world.hub("--big", f"big.bin:{SIZE}")
    server = world.server(hub)
    truth = get(hub.url + FILE).body
    hub.fault(kind="pace", host="cdn", bytes_per_second=20 * MIB)
    hub.forget()
    return hub, server, truth


def from_upstream(hub):
    return sum(r["body_bytes"] for r in hub.requests(host="cdn"))


def test_aria2_with_16_connections_costs_one_download(world):
    hub, server, truth = cold(world)
    world.run("aria2c", "-q", "-x16", "-s16", "-k1M", "--max-tries=2", "-d", world.folder, "-o", "aria2",
              server.endpoint + FILE)
    assert (world.folder / "aria2").read_bytes() == truth
    sent = from_upstream(hub)
    assert sent <= 1.1 * SIZE, f"{sent / SIZE:.2f} times the file came from upstream"
    wait_until(server.stored, "all its blocks are there, so it is stored")
    hub.forget()
    world.run("aria2c", "-q", "-x16", "-s16", "-k1M", "-d", world.folder, "-o", "again",
              server.endpoint + FILE)
    assert (world.folder / "again").read_bytes() == truth
    assert from_upstream(hub) == 0


def test_a_size_probe_and_parallel_ranges_cost_one_download(world):
    """What hf_transfer and hf-hub do: the last range may run past the end."""
    hub, server, truth = cold(world)
    probe = get(server.endpoint + FILE, {"Range": "bytes=0-0"})
    assert probe.status == 206 and len(probe.body) == 1
    assert probe.headers["Content-Range"] == f"bytes 0-0/{SIZE}"
    step = 10 * MIB
    pieces = {}

    def fetch(begin):
        reply = get(server.endpoint + FILE, {"Range": f"bytes={begin}-{begin + step - 1}"})
        assert reply.status == 206, reply.status
        pieces[begin] = reply.body

    threads = [threading.Thread(target=fetch, args=(begin,)) for begin in range(0, SIZE, step)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert b"".join(pieces[begin] for begin in sorted(pieces)) == truth
    sent = from_upstream(hub)
    assert sent <= 1.1 * SIZE, f"{sent / SIZE:.2f} times the file came from upstream"


def parts_of(head, body):
    """The parts of a multipart answer, by a parser that is not ours."""
    fields = b"\r\n".join(line for line in head.split(b"\r\n")[1:]
                          if line.lower().startswith(b"content-type:"))
    message = email.message_from_bytes(fields + b"\r\n\r\n" + body, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/byteranges", head
    return [(part["Content-Range"], part.get_payload(decode=True)) for part in message.iter_parts()]


def test_curl_gets_several_ranges_at_once(world):
    hub, server, truth = cold(world)
    wanted = ((40 * MIB, 999), (0, 1), (SIZE - 100, 100))
    spec = ",".join(f"{at}-{at + count - 1}" for at, count in wanted[:2]) + ",-100"
    for state in ("cold", "stored"):
        answer = world.run("curl", "-sS", "-i", "-r", spec, server.endpoint + FILE).stdout
        head, body = answer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 206 "), (state, head)
        assert b"content-length: %d" % len(body) in head.lower()
        assert parts_of(head, body) == [
            (f"bytes {at}-{at + count - 1}/{SIZE}", truth[at:at + count]) for at, count in wanted]
        if state == "cold":
            assert from_upstream(hub) <= 3 * MIB
            assert get(server.endpoint + FILE).body == truth
            wait_until(server.stored, "it is stored")


def test_an_empty_file_has_a_size_for_clients_that_ask_for_its_first_byte(world):
    server = world.server(world.hub())
    empty = server.endpoint + "/org/model/resolve/main/empty.txt"
    probe = get(empty, {"Range": "bytes=0-0"})
    assert probe.status == 200 and probe.headers["Content-Range"] == "bytes */0"
    for name, command in (("wget", ["wget", "-q", "-c", "-O"]),
                          ("curl", ["curl", "-sS", "-f", "-C", "-", "-o"]),
                          ("aria2c", ["aria2c", "-q", "-x4", "-d", world.folder, "-o"])):
        target = name if name == "aria2c" else world.folder / name
        world.run(*command, target, empty)
        assert (world.folder / name).read_bytes() == b"", name
