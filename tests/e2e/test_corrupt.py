"""A flipped byte upstream: nothing is stored, and no client ends with a wrong file and success,
whatever it does to get the rest (SECURITY 12).

Each client has a file of its own, so that what one of them caused does not change what another meets,
and is run in a folder of its own: twice while the byte is flipped, once more when another client's
download has put the right file into the cache, and last in a new folder.
"""
import concurrent.futures
import pathlib

from harness import MIB, PLAIN, free_port, get, sha256, wait_until

SIZE = 12 * MIB + 5  # huggingface_hub keeps pieces of 10 MiB to resume from
FLIPPED = 3 * MIB + 1
PREFIX = "/org/corrupt/resolve/main/"
# Its waits between tries are cut short: they are up to 8 s.
SCRIPT = """
import sys, time
from huggingface_hub import hf_hub_download
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.1))
print(hf_hub_download("org/corrupt", sys.argv[1]))
"""

NGINX = """
user root; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; master_process off;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {origin}; proxy_set_header Host $http_host; {settings} }}
  }}
}}
"""


def behind_nginx(world, server, settings):
    port = free_port()
    config = world.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=world.folder, port=port, origin=server.origin,
                                   settings=settings))
    world.run_program("nginx", ["nginx", "-c", config])

    def answers():
        try:
            return get(f"http://127.0.0.1:{port}/healthz").status == 200
        except OSError:
            return False
    wait_until(answers, "nginx answers")
    return f"http://127.0.0.1:{port}/pulp/content/hf"


class Client:
    """One program and its folder. run() returns the file it claims to have, or None."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.file = f"for {name}.bin".replace(" ", "_")

    def run(self, endpoint, folder):
        raise NotImplementedError


class HuggingfaceHub(Client):
    def run(self, endpoint, folder):
        code, out, _ = self.world.python(self.name.split()[-1], SCRIPT, endpoint, home=folder,
                                         arguments=[self.file])
        return pathlib.Path(out.splitlines()[-1]) if code == 0 else None


class Command(Client):
    """`again` are the commands tried in turn, until one succeeds."""

    def __init__(self, world, name, *again):
        super().__init__(world, name)
        self.again = again

    def run(self, endpoint, folder):
        for command in self.again:
            done = self.world.run(*(word.format(folder=folder) for word in command.split()),
                                  endpoint + PREFIX + self.file, check=False)
            if done.returncode == 0:
                return folder / "file"
        return None


def clients(world):
    wget = "wget -q -t 3 --waitretry=0 -T 10 -O {folder}/file"
    curl = "curl -sS -f --retry 2 --retry-delay 0 --retry-max-time 5 -o {folder}/file"
    aria2 = "aria2c -q --no-conf --retry-wait=0 --timeout=10 -d {folder} -o file"
    return [
        HuggingfaceHub(world, "huggingface_hub 2.4"),
        HuggingfaceHub(world, "huggingface_hub 0.36"),
        Command(world, "wget", wget),
        Command(world, "wget -c", wget + " -c"),
        Command(world, "curl", curl),
        Command(world, "curl -C", *[curl + " -C - --retry-all-errors"] * 3),
        Command(world, "aria2", aria2),
        Command(world, "aria2 -x4 -s4", aria2 + " -x4 -s4 -k3M"),
        Command(world, "aria2 -x16 -s16", aria2 + " -x16 -s16 -k1M"),
        Command(world, "aria2 -c after curl", curl, aria2 + " -c -x16 -s16 -k1M"),
        Command(world, "aria2 that goes on trying", aria2 + " -x16 -s16 -k1M -m3 --retry-wait=1"),
    ]


class Life:
    """What one client goes through, and what it did wrong."""

    def __init__(self, client, endpoint, want):
        self.client, self.endpoint, self.want = client, endpoint, want
        self.folder = client.world.folder / client.file.removesuffix(".bin")
        self.wrong = []

    def run(self, when, folder):
        folder.mkdir(exist_ok=True)
        path = self.client.run(self.endpoint, folder)
        if path and sha256(path) != self.want:
            self.wrong.append(f"{self.client.name}, {when}: success and a wrong file")
        return path is not None

    def while_corrupt(self, always):
        for when in ("first", "second"):
            if self.run(f"{when} run", self.folder) and always:
                self.wrong.append(f"{self.client.name}, {when} run: success without right bytes")

    def once_mended(self):
        self.run("third run", self.folder)
        if not self.run("new folder", self.folder.with_suffix(".new")):
            self.wrong.append(f"{self.client.name}, new folder: no success")


def corrupt_then_mended(world, through, always=True):
    hub = world.hub()
    server = world.server(hub, env=PLAIN)
    everyone = clients(world)
    hub.control("repo", {"id": "org/corrupt", "files": [
        {"path": client.file, "size": SIZE, "seed": 100 + i, "lfs": True}
        for i, client in enumerate(everyone)]})
    endpoint = through(server)
    lives = []
    for client in everyone:
        lives.append(Life(client, endpoint, sha256(get(hub.url + PREFIX + client.file).body)))
        hub.fault(host="cdn", match=client.file, kind="flip", offset=FLIPPED,
                  **({} if always else {"count": 1}))

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda life: life.while_corrupt(always), lives))
        assert not (always and server.stored()), server.stored()
        hub.clear_faults()
        for life in lives:
            assert sha256(get(endpoint + PREFIX + life.client.file).body) == life.want
        list(pool.map(Life.once_mended, lives))
    wrong = [words for life in lives for words in life.wrong]
    assert not wrong, wrong


def test_a_flipped_byte_directly(world):
    corrupt_then_mended(world, lambda server: server.endpoint)


def test_a_byte_flipped_once_directly(world):
    corrupt_then_mended(world, lambda server: server.endpoint, always=False)


# Without the Digest that lets aria2 check for itself.
def test_a_flipped_byte_behind_nginx(world):
    corrupt_then_mended(world, lambda server: behind_nginx(
        world, server, "proxy_hide_header Digest;"))


def test_a_flipped_byte_behind_nginx_that_does_not_buffer(world):
    corrupt_then_mended(world, lambda server: behind_nginx(
        world, server, "proxy_buffering off; proxy_http_version 1.1; proxy_hide_header Digest;"))


def test_a_byte_flipped_once_behind_nginx(world):
    corrupt_then_mended(world, lambda server: behind_nginx(
        world, server, "proxy_hide_header Digest;"), always=False)


def test_aria2_does_not_complete_a_false_start_that_came_from_elsewhere(world):
    hub = world.hub()
    server = world.server(hub)
    url = server.endpoint + "/org/model/resolve/main/model.safetensors"
    (world.folder / "file").write_bytes(bytes(8 * MIB))
    done = world.run("aria2c", "-q", "--no-conf", "-c", "-d", world.folder, "-o", "file", url,
                     check=False)
    assert done.returncode == 32, done.returncode  # its checksum validation failed


def test_a_flipped_byte_in_a_small_file(world):
    hub = world.hub()
    server = world.server(hub)
    url = "/org/model/resolve/main/config.json"
    want = get(hub.url + url).body
    hub.fault(host="hub", match="resolve-cache", kind="flip", offset=3)
    try:
        reply = get(server.endpoint + url)
        assert reply.status >= 500, reply.status
    except (ConnectionError, OSError):
        pass
    assert not server.stored()
    hub.clear_faults()
    assert get(server.endpoint + url).body == want
