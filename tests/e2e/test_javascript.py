"""@huggingface/hub and @huggingface/transformers in Node: what they return through the server is
what they return from the Hub, cold and warm, and with the Hub gone where it can be."""
import json
import pathlib

from harness import PLAIN, get, sha256
from test_huggingface_hub import differences, fill

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
# What is asked of the Hub each time.
NEVER_KEPT = {"models", "whoami"}
REFUSED = {
    "empty file": "! 416",  # it asks for the first byte, which the simulated Hub has not got
    "gated file, anonymous": "! 401",
    "private file, no right": "! 404",
}


def calls(world, endpoint, commit, names=()):
    code, out, err = world.node_of("hub", CLIENTS / "hub.mjs", endpoint, names,
                                   env={"COMMIT": commit, "TMPDIR": str(world.folder)})
    assert code == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def test_every_call_of_the_hub_package(world):
    hub = world.hub()
    fill(hub)
    server = world.server(hub, env=PLAIN)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    want = calls(world, hub.url, commit)
    failed = {name: want[name] for name in want if str(want[name]).startswith("! ")}
    assert failed == REFUSED, failed
    want["empty file"] = [0, sha256(b"")]
    assert want["missing file"] is None and want["missing file at a commit"] is None
    hub.forget()
    for temperature in ("cold", "warm"):
        wrong = differences(calls(world, server.endpoint, commit), want)
        assert not wrong, f"{temperature}:\n{wrong}"
    assert server.never_used_xet(), "Xet is off by what we send"
    hub.stop()
    kept = [name for name in want if name not in NEVER_KEPT]
    wrong = differences(calls(world, server.endpoint, commit, kept), want)
    assert not wrong, f"without the Hub:\n{wrong}"


def test_config_and_tokenizer_of_the_transformers_package(world):
    hub = world.hub()
    server = world.server(hub)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]

    def read(endpoint, revision="main"):
        code, out, err = world.node_of("transformers", CLIENTS / "transformers.mjs", endpoint,
                                       env={"REVISION": revision})
        assert code == 0, err[-3000:]
        return json.loads(out.splitlines()[-1])

    want = read(hub.url)
    assert want == ["bert", 32, [1, 2, 3]]
    assert read(server.endpoint) == want
    hub.forget()
    assert read(server.endpoint, commit) == want
    assert not hub.requests(part="/resolve"), "warm at a commit"
    hub.stop()
    for revision in ("main", commit):
        assert read(server.endpoint, revision) == want
