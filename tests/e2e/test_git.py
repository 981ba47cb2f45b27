"""Git and git-lfs, the real ones: clone, fetch and pull through the prefix; a push goes nowhere."""
import os
import shutil
import subprocess

from harness import MIB, get, sha256, wait_until


class Git:
    """Runs git in a home of its own, where nobody can be asked for a password."""

    def __init__(self, world):
        self.world = world
        self.home = world.folder / "git-home"
        self.home.mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "HF_"))}
        self.env |= {"HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                     "GIT_ASKPASS": "true", "no_proxy": "127.0.0.1", "LC_ALL": "C"}
        self("config", "--global", "user.name", "somebody")
        self("config", "--global", "user.email", "somebody@example.org")

    def __call__(self, *arguments, cwd=None, code=0, env=None):
        """What it prints; its complaint when it is to fail."""
        done = subprocess.run(["git", *map(str, arguments)], cwd=cwd or self.world.folder,
                              env=self.env | (env or {}), capture_output=True, text=True,
                              timeout=180)
        assert (done.returncode != 0) == (code != 0), (arguments, done.stdout, done.stderr)
        return done.stderr if code else done.stdout.strip()


def with_password(url, token):
    return url.replace("http://", f"http://somebody:{token}@")


def test_clone_and_fetch_with_every_version_of_the_protocol(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    for version in ("0", "1", "2"):
        clone = world.folder / f"clone{version}"
        git("-c", f"protocol.version={version}", "clone", f"{server.endpoint}/org/model.git", clone)
        sha = get(f"{hub.url}/api/models/org/model").json()["sha"]
        assert git("rev-parse", "HEAD", cwd=clone) == sha
        assert (clone / "config.json").read_bytes()
        assert git("status", "--porcelain", cwd=clone) == ""
        assert "v1.0" in git("tag", cwd=clone)
        later = hub.control("repo", {"id": "org/model", "files": [
            {"path": f"later{version}.txt", "content": version}]})["sha"]
        git("-c", f"protocol.version={version}", "fetch", cwd=clone)
        assert git("rev-parse", "origin/main", cwd=clone) == later
        git("merge", "--ff-only", "origin/main", cwd=clone)
        assert (clone / f"later{version}.txt").read_text() == version
    git("clone", f"{server.endpoint}/datasets/org/dataset", world.folder / "dataset")
    assert (world.folder / "dataset" / "data" / "train.csv").exists()


def test_shallow_and_partial_clones(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    for i in range(5):
        hub.control("repo", {"id": "org/model", "files": [{"path": "x.txt", "content": str(i)}]})
    shallow = world.folder / "shallow"
    git("clone", "--depth", 1, f"{server.endpoint}/org/model", shallow)
    assert git("rev-list", "--count", "HEAD", cwd=shallow) == "1"
    git("fetch", "--deepen", 2, cwd=shallow)
    assert git("rev-list", "--count", "HEAD", cwd=shallow) == "3"
    git("fetch", "--unshallow", cwd=shallow)
    assert int(git("rev-list", "--count", "HEAD", cwd=shallow)) > 5
    partial = world.folder / "partial"
    git("clone", "--filter=blob:none", f"{server.endpoint}/org/model", partial)
    assert (partial / "x.txt").read_text() == "4"


def test_a_large_repo_is_streamed(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    hub.control("repo", {"id": "org/many", "files": [
        {"path": f"{i}.bin", "size": 4 * MIB, "seed": i} for i in range(1, 9)]})
    get(f"{hub.url}/org/many/info/refs?service=git-upload-pack")  # has the simulated Hub make it
    clone = world.folder / "clone"
    git("clone", f"{server.endpoint}/org/many", clone)
    assert git("status", "--porcelain", cwd=clone) == ""
    assert sum(p.stat().st_size for p in clone.glob("*.bin")) == 8 * 4 * MIB
    assert server.anonymous_memory() < 100 * MIB
    assert not server.stored()


def test_a_pack_that_takes_the_hub_long_is_waited_for(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    # Of the two questions of a clone the second: longer than any other answer is waited for.
    hub.fault(kind="delay", match="git-upload-pack", method="POST", skip=1, count=1, delay_ms=9000)
    git("clone", f"{server.endpoint}/org/model", world.folder / "clone")
    answered = [r["status"] for r in hub.requests(method="POST", part="/git-upload-pack")]
    assert answered == [200, 200]


def test_a_cut_clone_is_a_failure(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    hub.control("repo", {"id": "org/cut", "files": [{"path": "a.bin", "size": 4 * MIB, "seed": 3}]})
    hub.fault(kind="cut", match="git-upload-pack", method="POST", offset=3 * MIB)
    git("clone", f"{server.endpoint}/org/cut", world.folder / "cut", code=128)
    hub.clear_faults()
    git("clone", f"{server.endpoint}/org/cut", world.folder / "cut")


def test_a_push_is_refused_with_words_that_git_shows(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    clone = world.folder / "clone"
    git("clone", f"{server.endpoint}/org/model", clone)
    (clone / "mine.txt").write_text("mine")
    git("add", "mine.txt", cwd=clone)
    git("commit", "-m", "mine", cwd=clone)
    hub.forget()
    for token in (None, "hf_good"):
        if token:
            git("remote", "set-url", "origin",
                with_password(f"{server.endpoint}/org/model", token), cwd=clone)
        complaint = git("push", cwd=clone, code=128)
        assert "read-only cache of the Hub" in complaint, complaint
    assert not hub.requests()


def test_a_private_repo_with_a_token_as_password(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    private = f"{server.endpoint}/org/private"
    complaint = git("clone", private, world.folder / "none", code=128)
    assert "Authentication failed" in complaint or "could not read" in complaint, complaint
    git("clone", with_password(private, "hf_other"), world.folder / "none", code=128)
    git("clone", with_password(private, "hf_good"), world.folder / "private")
    assert (world.folder / "private" / "config.json").exists()
    assert "hf_good" not in server.text()


def test_a_guarded_distribution_asks_for_a_password(world):
    hub = world.hub()
    server = world.server(hub)
    git = Git(world)
    guard = server.rest("POST", "/pulp/api/v3/contentguards/core/rbac/",
                        {"name": "g"}).json()["pulp_href"]
    found = server.rest("GET", "/pulp/api/v3/distributions/hugging_face/hugging-face/").json()
    assert server.rest("PATCH", found["results"][0]["pulp_href"],
                       {"content_guard": guard}).status == 202
    model = f"{server.endpoint}/org/model"
    git("clone", model, world.folder / "none", code=128)
    git("clone", with_password(model, "wrong"), world.folder / "none", code=128)
    git("clone", model.replace("http://", "http://admin:password@"), world.folder / "model")


def lfs_world(world):
    hub = world.hub()
    files = [{"path": f"part {i}.bin", "size": 5 * MIB + i, "seed": i, "lfs": True}
             for i in range(1, 9)]
    files.append({"path": ".gitattributes",
                  "content": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    hub.control("repo", {"id": "org/lfs", "files": files})
    want = {f["path"]: sha256(get(f"{hub.url}/org/lfs/resolve/main/{f['path'].replace(' ', '%20')}",
                                  {"Accept-Encoding": "identity"}).body) for f in files}
    git = Git(world)
    git("lfs", "install", "--skip-repo")
    return hub, git, want


def digests(folder, names):
    return {name: sha256(folder / name) for name in names}


def test_git_lfs_cold_and_warm(world):
    hub, git, want = lfs_world(world)
    server = world.server(hub)
    hub.forget()
    cold = world.folder / "cold"
    git("clone", f"{server.endpoint}/org/lfs", cold)
    assert digests(cold, want) == want
    assert git("status", "--porcelain", cwd=cold) == ""
    assert len(hub.requests(host="cdn")) == 8
    wait_until(lambda: len(server.stored()) == 8, "all is stored")
    hub.forget()
    warm = world.folder / "warm"
    git("clone", f"{server.endpoint}/org/lfs", warm, env={"GIT_LFS_SKIP_SMUDGE": "1"})
    assert (warm / "part 1.bin").stat().st_size < 200
    git("lfs", "pull", cwd=warm)
    assert digests(warm, want) == want
    assert not hub.requests(host="cdn")
    git("lfs", "fsck", cwd=warm)


def test_git_lfs_with_a_token_as_password(world):
    hub, git, _ = lfs_world(world)
    server = world.server(hub)
    hub.control("repo", {"id": "org/closed", "gated": "manual", "files": [
        {"path": ".gitattributes", "content": "*.bin filter=lfs diff=lfs merge=lfs -text\n"},
        {"path": "a.bin", "size": 3 * MIB, "seed": 77, "lfs": True}]})
    hub.control("token", {"token": "hf_guest", "user": "guest", "repos": ["org/closed"]})
    closed = f"{server.endpoint}/org/closed"
    git("clone", closed, world.folder / "none", code=128)
    git("clone", with_password(closed, "hf_other"), world.folder / "none", code=128)
    git("clone", with_password(closed, "hf_guest"), world.folder / "closed")
    assert (world.folder / "closed" / "a.bin").stat().st_size == 3 * MIB
    assert "hf_guest" not in server.text()


def test_a_false_lfs_object_is_not_kept(world):
    hub, git, want = lfs_world(world)
    server = world.server(hub)
    hub.fault(host="cdn", match="part%201", kind="flip", offset=MIB)
    clone = world.folder / "clone"
    git("clone", f"{server.endpoint}/org/lfs", clone, env={"GIT_LFS_SKIP_SMUDGE": "1"})
    git("-c", "lfs.transfer.maxretries=1", "lfs", "pull", cwd=clone, code=2)
    assert (clone / "part 1.bin").stat().st_size < 200
    hub.clear_faults()
    # It would resume what is false, which is refused (SECURITY 12).
    shutil.rmtree(clone / ".git" / "lfs" / "incomplete", ignore_errors=True)
    git("lfs", "pull", cwd=clone)
    assert digests(clone, want) == want


def test_an_lfs_push_is_refused_with_words_that_git_lfs_shows(world):
    hub, git, _ = lfs_world(world)
    server = world.server(hub)
    clone = world.folder / "clone"
    git("clone", with_password(f"{server.endpoint}/org/lfs", "hf_good"), clone,
        env={"GIT_LFS_SKIP_SMUDGE": "1"})
    (clone / "mine.bin").write_bytes(b"mine")
    git("add", "mine.bin", cwd=clone)
    git("commit", "-m", "mine", cwd=clone)
    hub.forget()
    complaint = git("lfs", "push", "origin", "main", cwd=clone, code=2)
    assert "read-only cache of the Hub" in complaint, complaint
    assert not [r for r in hub.requests() if b"upload" in r["body"].encode()]
