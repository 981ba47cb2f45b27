"""huggingface_hub, old and new: cold, warm, and with the Hub gone."""
import pathlib

from harness import sha256

VERSIONS = ("2.4", "0.36")

DOWNLOAD = """
from huggingface_hub import hf_hub_download
print(hf_hub_download({repo!r}, {file!r}, revision={revision!r}))
"""
SNAPSHOT = """
from huggingface_hub import snapshot_download
print(snapshot_download({repo!r}, revision={revision!r}))
"""


def download(world, version, endpoint, file, revision="main", repo="org/model", **kw):
    code, out, err = world.python(
        version, DOWNLOAD.format(repo=repo, file=file, revision=revision), endpoint, **kw)
    assert code == 0, err[-2000:]
    return pathlib.Path(out.splitlines()[-1]).read_bytes()


def snapshot(world, version, endpoint, revision="main", repo="org/model", **kw):
    code, out, err = world.python(
        version, SNAPSHOT.format(repo=repo, revision=revision), endpoint, **kw)
    assert code == 0, err[-2000:]
    root = pathlib.Path(out.splitlines()[-1])
    return root.name, {str(p.relative_to(root)): sha256(p) for p in root.rglob("*") if p.is_file()}


def test_single_file_cold_warm_and_without_the_hub(world):
    hub = world.hub()
    server = world.server(hub)
    for version in VERSIONS:
        want = download(world, version, hub.url, "config.json")
        assert download(world, version, server.endpoint, "config.json") == want
    hub.forget()
    assert download(world, "2.4", server.endpoint, "config.json") == want
    assert not hub.requests(part="/resolve"), "a warm file within its times costs nothing upstream"
    hub.stop()
    for version in VERSIONS:
        assert download(world, version, server.endpoint, "config.json") == want


def test_snapshot_cold_warm_and_without_the_hub(world):
    hub = world.hub()
    server = world.server(hub)
    commit, want = snapshot(world, "2.4", hub.url)
    assert len(want) > 5
    for version in VERSIONS:
        assert snapshot(world, version, server.endpoint) == (commit, want)
        assert snapshot(world, version, server.endpoint, revision=commit) == (commit, want)
    hub.stop()
    for version in VERSIONS:
        assert snapshot(world, version, server.endpoint) == (commit, want)
        assert snapshot(world, version, server.endpoint, revision=commit) == (commit, want)


def test_hf_download_command_and_root_distribution(world):
    hub = world.hub()
    server = world.server(hub)
    for version in VERSIONS:
        path = world.hf(version, ["download", "org/model", "model.safetensors"], server.endpoint)
        digest = sha256(path)
        at_root = world.hf(version, ["download", "org/model", "model.safetensors"], server.origin)
        assert sha256(at_root) == digest
    direct = world.hf("2.4", ["download", "org/model", "model.safetensors"], hub.url)
    assert sha256(direct) == digest


def test_datasets_spaces_one_segment_and_escaped_revision(world):
    hub = world.hub()
    server = world.server(hub)
    script = """
from huggingface_hub import hf_hub_download
for repo, kind, file, revision in [("org/dataset", "dataset", "README.md", "main"),
                                   ("org/space", "space", "README.md", "main"),
                                   ("gpt2", "model", "config.json", "main"),
                                   ("org/model", "model", "config.json", "refs/pr/1")]:
    print(open(hf_hub_download(repo, file, repo_type=kind, revision=revision), "rb").read())
"""
    for version in VERSIONS:
        direct = world.python(version, script, hub.url)
        ours = world.python(version, script, server.endpoint)
        assert direct[0] == 0 and ours[0] == 0, direct[2] + ours[2]
        assert ours[1] == direct[1]


def test_missing_files_and_revisions_are_what_the_hub_says(world):
    hub = world.hub()
    server = world.server(hub)
    script = """
from huggingface_hub import hf_hub_download
for repo, file, revision in [("org/model", "nope.json", "main"), ("org/model", "config.json", "nope"),
                             ("org/none", "config.json", "main")]:
    try:
        hf_hub_download(repo, file, revision=revision)
    except Exception as failure:
        print(type(failure).__name__)
"""
    want = ["EntryNotFoundError", "RevisionNotFoundError", "RepositoryNotFoundError"]
    for version in VERSIONS:
        for _ in ("cold", "warm"):
            code, out, err = world.python(version, script, server.endpoint)
            assert code == 0, err
            names = [n.replace("RemoteEntry", "Entry") for n in out.splitlines()]
            assert names == want, out
