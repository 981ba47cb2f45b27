"""kill -9 at random moments: nothing torn is ever served or kept, and nothing stored is lost."""
import concurrent.futures
import hashlib
import http.client
import os
import random
import signal
import time

from harness import MIB, command, get, longer, wait_until

SIZES = {"a.bin": 12 * MIB + 1, "b.bin": 5 * MIB, "c.bin": MIB - 1, "d.bin": 3 * MIB + 7, "e.bin": 70 * MIB,
         "f.json": 3000, "g.json": 17}
PREFIX = "/org/crash/resolve/main/"
LONGEST_LIFE = 0.9  # seconds, of a server
KILLED = (OSError, http.client.HTTPException)


class Truth:
    """The files as the Hub has them, and what is wrong with what others have."""

    def __init__(self, hub):
        files = [{"path": name, "size": size, "seed": 90 + i, "lfs": name.endswith(".bin")}
                 for i, (name, size) in enumerate(SIZES.items())]
        hub.control("repo", {"id": "org/crash", "files": files})
        self.bytes = {name: get(hub.url + PREFIX + name).body for name in SIZES}

    def check_answer(self, name, start, body):
        assert body == self.bytes[name][start:start + len(body)], \
            f"{name}: {len(body)} bytes from {start} are not those of the Hub"


def read_some(server, truth, name, start, end):
    """One request; whatever comes before the server is killed has to be right."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body, whole = b"", start == 0 and end is None
    try:
        headers = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end}"}
        connection.request("GET", "/pulp/content/hf" + PREFIX + name, headers=headers)
        reply = connection.getresponse()
        assert reply.status == (200 if whole else 206), (name, start, end, reply.status)
        while piece := reply.read(256 * 1024):
            body += piece
    except http.client.IncompleteRead as cut:
        body += cut.partial
    except KILLED:
        pass
    finally:
        connection.close()
    truth.check_answer(name, start, body)


def digests_of_files(server_data):
    """What blobs/ holds, each file hashed: a name that is not its content's is a torn file."""
    found = set()
    for path in (server_data / "blobs").rglob("*"):
        if not path.is_file():
            continue
        content, name = path.read_bytes(), path.parent.name + path.name
        if path.parent.parent.name == "sha256":
            digest = hashlib.sha256(content).hexdigest()
        else:
            digest = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert digest == name, f"{path} is torn: {len(content)} bytes"
        found.add(name)
    return found


def one_life(world, hub, truth, dice):
    """A server that is asked for this and that, and killed."""
    server = world.server(hub)
    ends = time.monotonic() + dice.random() * LONGEST_LIFE
    wanted = []
    for _ in range(6):
        name = dice.choice(list(SIZES))
        start = dice.choice([0, 0, dice.randrange(SIZES[name])])
        end = dice.choice([None, None, min(start + dice.randrange(2 * MIB), SIZES[name] - 1)])
        wanted.append((name, start, end))
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        reads = [pool.submit(read_some, server, truth, *what) for what in wanted]
        time.sleep(max(0, ends - time.monotonic()))
        server.stop(signal.SIGKILL)
        for read in reads:
            read.result()
    return server.data


def die_while_starting(world, hub, dice):
    server = world.start_server(hub)
    time.sleep(dice.random() * 0.1)
    server.stop(signal.SIGKILL)


@longer
def test_kills_at_random_moments_tear_and_lose_nothing(world):
    seed = int(os.environ.get("HUBCACHE_TEST_SEED") or random.randrange(1 << 32))
    print(f"HUBCACHE_TEST_SEED={seed}", flush=True)
    dice = random.Random(seed)
    hub = world.hub()
    truth = Truth(hub)
    hub.fault(host="cdn", kind="pace", bytes_per_second=40 * MIB)  # so that most lives end in a fill
    stored = set()
    for life in range(200 if world.full else 20):
        if dice.random() < 0.25:
            die_while_starting(world, hub, dice)
        hub.forget()
        data = one_life(world, hub, truth, dice)
        now = digests_of_files(data)
        assert stored <= now, f"life {life} lost {stored - now}"
        for name, content in truth.bytes.items():
            if name.endswith(".bin") and hashlib.sha256(content).hexdigest() in stored:
                assert hub.body_bytes(name) == 0, f"life {life} fetched {name} again"
        stored = now

    hub.clear_faults()
    server = world.server(hub)
    for name in SIZES:
        assert get(server.endpoint + PREFIX + name).body == truth.bytes[name], name
    wait_until(lambda: len(digests_of_files(data)) == len(SIZES), "all are stored")
    wait_until(lambda: len(command(world, server, "ls").splitlines()) == 1 + len(SIZES),
               "each file has its row")
    assert server.stop() == 0
    assert not list((data / "fills").iterdir()), "a part is left over"
