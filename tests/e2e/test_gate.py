"""Real clients through bad networks (tests/gate), between them and the server and between the server
and the Hub: every file that a client ends with is right, or the client says that it failed."""
import concurrent.futures
import pathlib
import subprocess

from harness import MIB, get, longer, sha256, wait_until

PREFIX = "/org/storm/resolve/main/"
FILES = {"a.bin": 11 * MIB + 3, "b.bin": 2 * MIB, "c.json": 5000}
# Its waits between tries are cut short: they are up to 8 s.
HF = """
import sys, time
from huggingface_hub import hf_hub_download
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.1))
print(hf_hub_download("org/storm", sys.argv[1]))
"""
# What befalls the bytes that servers send.
WEATHERS = ["delay=2 piece=9000", "rate=4000000", "piece=1400", "cut=1500000", "cut=700000 reset=1",
            "cut=0"]
CORRUPT = ["flip=3000001", "flip=900007"]


class Storm:
    """A hub, a server, and a gate before each of the three that can be spoken to."""

    def __init__(self, world):
        self.world, self.hub = world, world.hub()
        self.hub.control("repo", {"id": "org/storm", "files": [
            {"path": name, "size": size, "seed": 60 + i, "lfs": name.endswith(".bin")}
            for i, (name, size) in enumerate(FILES.items())]})
        self.right = {name: sha256(get(self.hub.url + PREFIX + name).body) for name in FILES}
        self.gates = {"hub": world.gate(self.hub.port), "cdn": world.gate(self.hub.cdn_port)}
        self.hub.control("behaviour", {"cdn_front": self.gates["cdn"].port})
        self.server = world.server(f"http://127.0.0.1:{self.gates['hub'].port}",
                                   env={"HUBCACHE_UPSTREAM_RETRY_DOWN_AFTER": "100 ms"})
        self.gates["clients"] = world.gate(self.server.port)
        self.endpoint = f"http://127.0.0.1:{self.gates['clients'].port}/pulp/content/hf"

    def download(self, client, name):
        """The file that the client says it has, or None."""
        folder = self.world.hf_home()
        folder.mkdir()
        if client == "huggingface_hub":
            by_xet = {} if self.world.full else {"HF_HUB_DISABLE_XET": "1"}
            try:
                code, out, _ = self.world.python("2.4", HF, self.endpoint, [name], home=folder, env=by_xet,
                                                 timeout=60 if self.world.full else 180)
            except subprocess.TimeoutExpired:
                if not by_xet:
                    return None  # hf_xet waits between tries for as long as it likes
                raise
            return pathlib.Path(out.splitlines()[-1]) if code == 0 else None
        command = {"curl": f"curl -sS -f --retry 2 --retry-all-errors --retry-delay 0 -m 60 -o {folder}/file",
                   "aria2": f"aria2c -q --no-conf -m 3 --retry-wait=0 --timeout=10 -x4 -s4 -k1M -d {folder} -o file"}
        done = self.world.run(*command[client].split(), self.endpoint + PREFIX + name, check=False)
        return folder / "file" if done.returncode == 0 else None

    def everybody_downloads(self, must_succeed):
        wanted = [(client, name) for client in ("huggingface_hub", "curl", "aria2") for name in FILES]
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            for (client, name), file in zip(wanted, pool.map(lambda w: self.download(*w), wanted)):
                assert file or not must_succeed, f"{client} did not get {name}"
                assert not file or sha256(file) == self.right[name], f"{client} has another {name}"

    def forget_files(self):
        """The next download is from the Hub."""
        for digest in self.server.stored():
            digest.unlink()


def weather_storm(world, places, weathers):
    storm = Storm(world)
    for place in places:
        for weather in weathers:
            print(f"  {place}: {weather}", flush=True)
            storm.gates[place].down(weather)
            storm.everybody_downloads(must_succeed=False)
            storm.gates[place].down("")
            storm.forget_files()
    # The last of the bad digests and outages aside, fair weather is fair.
    wait_until(lambda: get(storm.server.endpoint + PREFIX + "c.json").status == 200, "it is fair again")
    storm.everybody_downloads(must_succeed=True)
    assert storm.server.stop() == 0


@longer
def test_bad_networks_between_clients_and_server(world):
    weather_storm(world, ["clients"], WEATHERS if world.full else WEATHERS[3:5])


@longer
def test_bad_networks_between_server_and_hub(world):
    every = WEATHERS + CORRUPT
    weather_storm(world, ["cdn", "hub"] if world.full else ["cdn"], every if world.full else every[4:7:2])


def test_connections_that_break_all_at_once_are_resumed(world):
    storm = Storm(world)
    for gate in storm.gates.values():
        gate.down("rate=8000000")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reading = pool.submit(storm.download, "huggingface_hub", "a.bin")
        wait_until(lambda: storm.hub.body_bytes("a.bin") > MIB, "the download is on its way")
        storm.gates["cdn"].tell("reset")
        wait_until(lambda: storm.hub.body_bytes("a.bin") > 5 * MIB, "it goes on")
        storm.gates["clients"].tell("reset")
        for gate in storm.gates.values():
            gate.down("")
        assert sha256(reading.result()) == storm.right["a.bin"]
