"""Every call of huggingface_hub that reads, in the versions people run: what it returns through the
server is what it returns from the Hub, cold and warm, and with the Hub gone where it can be."""
import base64
import json
import pathlib
import struct

from harness import PLAIN, get

CALLS = pathlib.Path(__file__).resolve().parent / "clients" / "huggingface_hub_calls.py"
NAMES = ["with space.txt", "caf\xe9/\xfcber.txt", "hash#1.txt", "100%.txt", "a+b.txt", "what?.txt",
         "deep/er/and/deeper.txt", "empty", "a%20b.txt", "semi;colon,comma.txt"]

# Over plain HTTP clients cannot tell some of the Hub's refusals apart: these
# outcomes are those of https://huggingface.co.
TOLD_APART = {
    "repo exists": [True, False],
    "missing file": "! EntryNotFoundError",
    "missing file at a commit": "! EntryNotFoundError",
    "missing revision": "! RevisionNotFoundError",
    "missing repo": "! RepositoryNotFoundError",
    "missing repo with a token": "! RepositoryNotFoundError",
    "gated file, anonymous": "! GatedRepoError",
    "gated file, no right": "! GatedRepoError",
    "private file, anonymous": "! RepositoryNotFoundError",
    "private file, no right": "! RepositoryNotFoundError",
    "snapshot of a gated repo, no right": "! GatedRepoError",
    "model info of a missing repo": "! RepositoryNotFoundError",
    "model info of a private repo, no right": "! RepositoryNotFoundError",
    "tree of a missing revision": "! RevisionNotFoundError",
}
# What is asked of the Hub each time, so that nothing can be said without it.
NEVER_KEPT = {"models", "datasets", "spaces", "models of a search", "whoami", "whoami, bad token"}


def small_safetensors():
    header = json.dumps({"__metadata__": {"format": "pt"},
                         "weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}})
    return struct.pack("<Q", len(header)) + header.encode() + bytes(16)


def fill(hub):
    hub.control("behaviour", {"list_page": 3})
    hub.control("repo", {"id": "org/names", "files": [
        {"path": name, "content": "" if name == "empty" else name} for name in NAMES]})
    hub.control("repo", {"id": "org/many", "files": [
        {"path": f"part{i % 7}/file{i:04}.txt", "content": str(i)} for i in range(2500)]})
    hub.control("repo", {"id": "org/tiny", "files": [
        {"path": "model.safetensors", "lfs": True,
         "content_base64": base64.b64encode(small_safetensors()).decode()}]})
    for i in range(7):
        for kind in ("model", "dataset", "space"):
            hub.control("repo", {"id": f"page/{kind}{i}", "type": kind,
                                 "files": [{"path": "a", "content": "a"}]})


def calls(world, version, endpoint, commit, names=(), **env):
    # Each call of a file has a cache of its own, somewhere in TMPDIR.
    env |= {"COMMIT": commit, "TMPDIR": str(world.folder)}
    code, out, err = world.python(version, CALLS.read_text(), endpoint, arguments=names, env=env)
    assert code == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def differences(ours, want):
    return "\n".join(f"{name}: {str(ours[name])[:300]} is not {str(want[name])[:300]}"
                     for name in ours if ours[name] != want[name])


def compare(world, version):
    hub = world.hub()
    fill(hub)
    server = world.server(hub, env=PLAIN)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    want = calls(world, version, hub.url, commit, HF_HUB_DISABLE_XET="1")
    failed = {name for name in want if str(want[name]).startswith("! ")}
    assert failed <= {*TOLD_APART, "whoami, bad token"}, {n: want[n] for n in failed}
    want |= TOLD_APART
    hub.forget()
    for temperature in ("cold", "warm"):
        wrong = differences(calls(world, version, server.endpoint, commit), want)
        assert not wrong, f"{temperature}:\n{wrong}"
    assert server.never_used_xet(), "Xet is off by what we send"
    hub.stop()
    kept = [name for name in want if name not in NEVER_KEPT]
    wrong = differences(calls(world, version, server.endpoint, commit, kept), want)
    assert not wrong, f"without the Hub:\n{wrong}"


def test_every_call_of_version_2_4(world):
    compare(world, "2.4")


def test_every_call_of_version_1_22(world):
    compare(world, "1.22")


def test_every_call_of_version_0_36(world):
    compare(world, "0.36")


def test_every_call_of_version_0_30(world):
    compare(world, "0.30")


def test_every_call_of_version_0_25(world):
    compare(world, "0.25")
