"""huggingface_hub, old and new: cold, warm, and with the Hub gone."""
import pathlib

from harness import MIB, PLAIN, get, sha256, wait_until

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
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    hub.stop()
    for version in VERSIONS:
        for revision in ("main", commit):
            path = world.hf(version, ["download", "org/model", "model.safetensors", "--revision", revision],
                            server.endpoint)
            assert sha256(path) == digest, (version, revision)


def test_hf_download_of_a_part_into_a_folder_twice(world):
    hub = world.hub()
    server = world.server(hub)
    want = get(hub.url + "/org/model/resolve/main/config.json").body
    for version in VERSIONS:
        folder = world.folder / f"local-{version}"
        download = ["download", "org/model", "--include", "*.json", "--local-dir", folder]
        assert world.hf(version, download, server.endpoint) == str(folder)
        names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
        assert all(n.endswith(".json") or n.startswith(".cache/") for n in names), names
        assert (folder / "config.json").read_bytes() == want
        hub.forget()
        world.hf(version, download, server.endpoint)
        assert not hub.requests(part="/resolve"), f"{version}: the second time nothing is fetched"
        assert (folder / "config.json").read_bytes() == want


def test_a_snapshot_at_a_short_sha_and_what_is_remembered_as_absent(world):
    hub = world.hub()
    server = world.server(hub)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    script = """
from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache, _CACHED_NO_EXIST
import os
print(os.path.basename(snapshot_download("org/model", revision={revision!r}, allow_patterns="*.json")))
try:
    hf_hub_download("org/model", "absent.json")
except Exception as failure:
    print(type(failure).__name__.replace("RemoteEntry", "Entry"))
print(try_to_load_from_cache("org/model", "absent.json") is _CACHED_NO_EXIST)
"""
    for version in VERSIONS:
        code, out, err = world.python(version, script.format(revision=commit[:7]), server.endpoint)
        assert code == 0, err[-2000:]
        assert out.splitlines()[-3:] == [commit, "EntryNotFoundError", "True"], (version, out)


def test_a_client_that_is_killed_goes_on_where_it_was(world):
    hub = world.hub("--big", f"big.bin:{48 * MIB}")
    server = world.server(hub, env=PLAIN)
    digest = get(server.endpoint + "/org/model/resolve/main/big.bin",
                 method="HEAD").headers["ETag"].strip('"')
    for version in VERSIONS:
        hub.fault(host="cdn", match="", kind="hold", after=40 * MIB)
        home = world.hf_home()
        script = DOWNLOAD.format(repo="org/model", file="big.bin", revision="main")
        client = world.run_program(f"killed-{version}", ["env", *(
            f"{k}={v}" for k, v in world.client_env(server.endpoint, home).items()),
            world.venvs / f"hfh-{version}" / "bin" / "python", "-c", script])

        def has_some(home=home, client=client):
            assert client.process.poll() is None, client.text()[-2000:]
            return any(p.stat().st_size >= 20 * MIB for p in home.rglob("*.incomplete"))
        wait_until(has_some, f"{version} has 20 MiB", 60)
        client.process.kill()
        client.process.wait()
        hub.clear_faults()
        hub.release()
        code, out, err = world.python(version, script, server.endpoint, home=home)
        assert code == 0, err[-2000:]
        assert sha256(out.splitlines()[-1]) == digest, version


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
