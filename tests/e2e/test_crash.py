"""kill -9 at random moments: nothing torn is ever served or kept, nothing stored is lost, and of a
download that was cut short only what was not recorded comes again."""
import concurrent.futures
import hashlib
import http.client
import os
import random
import re
import signal
import struct
import time
import zlib

from harness import MIB, command, get, longer, wait_until

RANGED = "h.bin"  # nobody reads it to its end, so there is always some of it
SIZES = {"a.bin": 12 * MIB + 1, "b.bin": 5 * MIB, "c.bin": MIB - 1, "d.bin": 3 * MIB + 7, "e.bin": 70 * MIB,
         RANGED: 90 * MIB + 5, "f.json": 3000, "g.json": 17}
PREFIX = "/org/crash/resolve/main/"
LONGEST_LIFE = 0.9  # seconds, of a server
RECORDING = 5  # of so many lives one goes on until more of a file is recorded
KILLED = (OSError, http.client.HTTPException)


class Truth:
    """The files as the Hub has them, and what is wrong with what others have."""

    def __init__(self, hub):
        files = [{"path": name, "size": size, "seed": 90 + i, "lfs": name.endswith(".bin")}
                 for i, (name, size) in enumerate(SIZES.items())]
        hub.control("repo", {"id": "org/crash", "files": files})
        self.bytes = {name: get(hub.url + PREFIX + name).body for name in SIZES}
        # Of those that are stored by it.
        self.digests = {name: hashlib.sha256(self.bytes[name]).hexdigest() for name in SIZES
                        if name.endswith(".bin")}

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


def recorded_blocks(server_data, digest, size):
    """The blocks of 1 MiB that a download keeps across a crash: what its block map has on disk
    (src/store/map_record.cpp)."""
    blocks = set()
    for file in (server_data / "fills").glob(f"sha256-{digest}-*.map"):
        records = file.read_bytes()
        for magic, first, count, checksum in struct.iter_unpack("<4I", records[:len(records) // 16 * 16]):
            said = f"sha256:{digest} {size} {first} {count}".encode()
            if magic == 0x314d4348 and checksum == zlib.crc32(said):
                blocks |= set(range(first, first + count))
    return blocks


class Kept:
    """What partial downloads have on disk, from life to life."""

    def __init__(self, truth):
        self.truth = truth
        self.blocks = {name: set() for name in truth.digests}

    def look(self, data, name):
        return recorded_blocks(data, self.truth.digests[name], SIZES[name])

    def check_sent(self, hub, name):
        """Since the last look the Hub sent nothing that was there. Not by the number of bytes: of an
        answer that was cut short some were on their way, and come again."""
        for request in hub.requests(host="cdn", part=name):
            asked = re.match(r"bytes=(\d+)-", request["headers"].get("range", "bytes=0-"))
            first = int(asked[1])
            sent = set(range(first // MIB, -(-(first + request["body_bytes"]) // MIB)))
            assert not sent & self.blocks[name], \
                f"{name}: {sorted(sent & self.blocks[name])} came, which were there"

    def look_again(self, hub, data, stored):
        """Nothing that was recorded is lost, unless the file is whole now."""
        for name, before in self.blocks.items():
            self.check_sent(hub, name)
            self.blocks[name] = self.look(data, name)
            assert before <= self.blocks[name] or self.truth.digests[name] in stored, \
                f"{name}: {sorted(before - self.blocks[name])} are no more recorded"


def one_life(world, hub, truth, dice, kept, is_recording):
    """A server that is asked for this and that, and killed."""
    server = world.server(hub)
    wanted = []
    for _ in range(6):
        name = dice.choice(list(SIZES))
        start = dice.choice([0, 0, dice.randrange(SIZES[name])])
        end = dice.choice([None, None, min(start + dice.randrange(2 * MIB), SIZES[name] - 1)])
        if name == RANGED:
            end = min(start + dice.randrange(2 * MIB), SIZES[name] - 1)
        wanted.append((name, start, end))
    missing = set(range(SIZES[RANGED] // MIB)) - kept.blocks[RANGED]
    is_recording = is_recording and missing and not is_stored(server.data, truth.digests[RANGED])
    if is_recording:
        start = dice.choice(sorted(missing)) * MIB
        wanted.append((RANGED, start, min(start + 3 * MIB, SIZES[RANGED]) - 1))  # then it is let go
    ends = time.monotonic() + dice.random() * LONGEST_LIFE
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        reads = [pool.submit(read_some, server, truth, *what) for what in wanted]
        if is_recording:
            wait_until(lambda: kept.look(server.data, RANGED) & missing
                       or is_stored(server.data, truth.digests[RANGED]), "more is recorded", 60)
        time.sleep(max(0, ends - time.monotonic()))
        server.stop(signal.SIGKILL)
        for read in reads:
            read.result()
    return server.data


def is_stored(server_data, digest):
    return (server_data / "blobs" / "sha256" / digest[:2] / digest[2:]).exists()


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
    stored, kept, lives_that_kept = set(), Kept(truth), 0
    for life in range(200 if world.full else 20):
        if dice.random() < 0.25:
            die_while_starting(world, hub, dice)
        hub.forget()
        data = one_life(world, hub, truth, dice, kept, life % RECORDING == 0)
        now = digests_of_files(data)
        assert stored <= now, f"life {life} lost {stored - now}"
        for name, digest in truth.digests.items():
            if digest in stored:
                assert hub.body_bytes(name) == 0, f"life {life} fetched {name} again"
        kept.look_again(hub, data, now)
        lives_that_kept += any(kept.blocks.values())
        stored = now
    assert lives_that_kept > 3, f"after {lives_that_kept} kills only was anything recorded"

    hub.clear_faults()
    hub.forget()
    server = world.server(hub)
    for name in SIZES:
        assert get(server.endpoint + PREFIX + name).body == truth.bytes[name], name
    for name in kept.blocks:
        kept.check_sent(hub, name)
    wait_until(lambda: len(digests_of_files(data)) == len(SIZES), "all are stored")
    wait_until(lambda: len(command(world, server, "ls").splitlines()) == 1 + len(SIZES),
               "each file has its row")
    assert server.stop() == 0
    assert not list((data / "fills").iterdir()), "a part is left over"
