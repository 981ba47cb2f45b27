"""SECURITY 3 and 23: no token at the CDN, in a log, in an answer, in metrics or in clear on disk; a
remote's token on no route that is not a repo's. With a client, and searched for afterwards."""
import base64
import json
import os
import re
import resource
import signal

from harness import ADMIN, command, get

REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
DISTRIBUTIONS = "/pulp/api/v3/distributions/hugging_face/hugging-face/"
CALLERS = ("hf_good", "hf_other", "hf_pending", "hf_nonsense")
READING = ("/resolve/", "/resolve-cache/", "/raw/", "/revision/", "/tree/", "/paths-info/", "/refs",
           "/commits/", "/auth-check")

CLIENT = """
import tempfile
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
api = HfApi()
failures = []
for token in ("hf_good", "hf_other", "hf_pending", "hf_nonsense", False):
    for call in (lambda: api.whoami(token=token),
                 lambda: api.model_info("org/private", token=token),
                 lambda: list(api.list_repo_tree("org/gated", token=token)),
                 lambda: list(api.list_models(limit=2, token=token)),
                 lambda: api.list_repo_refs("org/private", token=token),
                 lambda: hf_hub_download("org/private", "config.json", token=token),
                 lambda: hf_hub_download("org/gated", "nope", token=token),
                 lambda: snapshot_download("org/gated", token=token, cache_dir=tempfile.mkdtemp())):
        try:
            call()
        except Exception as failure:
            failures.append(str(failure) + str(getattr(failure, "server_message", "")))
print("\\n".join(failures))
"""


def as_admin(server, path, body):
    login = "Basic " + base64.b64encode(":".join(ADMIN).encode()).decode()
    reply = get(server.origin + path, {"Authorization": login, "Content-Type": "application/json"},
                "POST", json.dumps(body).encode())
    assert reply.status in (201, 202), reply.body
    return reply.json()


def use(world, endpoint):
    code, out, err = world.python("2.4", CLIENT, endpoint,
                                  env={"TMPDIR": str(world.folder / "tmp")})
    assert code == 0, err
    assert out, "some calls are refused"
    return out


def search(server, secrets, *texts):
    for secret in secrets:
        for text in texts:
            assert secret not in text, secret
        for file in server.data.rglob("*"):
            if file.is_file():
                assert secret.encode() not in file.read_bytes(), (secret, file)


def test_security_rule_23_callers_tokens_are_nowhere(world):
    (world.folder / "tmp").mkdir()
    hub = world.hub()
    server = world.server(hub, arguments=["--log-level", "debug"])
    told = use(world, server.endpoint) + use(world, server.endpoint)
    seen = {r["headers"].get("authorization") for r in hub.requests(host="hub")}
    assert "Bearer hf_good" in seen, "the Hub is asked with the caller's own right"
    cdn = hub.requests(host="cdn")
    assert cdn and all("authorization" not in r["headers"] for r in cdn)
    assert not any(token in r["target"] for r in cdn for token in CALLERS)
    metrics = get(server.origin + "/metrics").body.decode()
    hub.stop()
    for token in CALLERS:
        for path in ("/api/whoami-v2", "/api/models/org/private/revision/main", "/api/models?limit=2",
                     "/org/private/resolve/main/config.json", "/org/gated/resolve/main/none"):
            told += get(server.endpoint + path, {"Authorization": "Bearer " + token}).body.decode()
    server.stop()
    search(server, CALLERS + ("Signature=",), server.text(), told, metrics)


def test_security_rule_23_a_crash_leaves_no_core_dump(world):
    server = world.server(world.hub())
    process = server.process
    resource.prlimit(process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)


def test_security_rule_23_what_was_deleted_is_not_left_in_the_database(world):
    hub = world.hub()
    server = world.server(hub)
    made = as_admin(server, REMOTES, {"name": "SECRETNAME", "url": hub.url, "hf_token": "hf_other"})
    command(world, server, "user", "add", "SECRETUSER", "--generate")
    assert server.stop() == 0
    database = server.data / "hubcache.db"
    before, sealed = database.read_bytes(), sealed_secrets(server)
    assert b"SECRETNAME" in before and b"SECRETUSER" in before and sealed
    server = world.server(hub)
    assert server.rest("DELETE", made["pulp_href"]).status == 202
    command(world, server, "user", "remove", "SECRETUSER")
    assert server.stop() == 0
    after = database.read_bytes()
    for word in (b"SECRETNAME", b"SECRETUSER", *sealed):
        assert word not in after, word


def test_security_rule_3_a_remotes_token_reads_repos_and_nothing_else(world):
    (world.folder / "tmp").mkdir()
    hub = world.hub()
    hub.control("token", {"token": "hf_of_the_remote", "user": "remote",
                          "repos": ["org/gated", "org/private"]})
    server = world.server(hub, arguments=["--log-level", "debug"])
    remote = as_admin(server, REMOTES, {"name": "ours", "url": hub.url,
                                        "hf_token": "hf_of_the_remote"})
    as_admin(server, DISTRIBUTIONS, {"name": "ours", "base_path": "ours",
                                     "remote": remote["pulp_href"]})
    endpoint = server.origin + "/pulp/content/ours"
    hub.forget()
    told = use(world, endpoint)
    for path in ("/api/models?author=org", "/api/whoami-v2", "/api/organizations/org/overview",
                 "/api/models-tags-by-type", "/api/daily_papers",
                 "/api/models/org/model/xet-write-token/main", "/api/models/org/model/discussions"):
        told += get(endpoint + path).body.decode()
    assert get(endpoint + "/org/private/resolve/main/config.json").status == 200
    with_token = [r for r in hub.requests()
                  if "hf_of_the_remote" in json.dumps(r["headers"]) + r["target"]]
    assert any(r["target"].startswith("/org/private/resolve/") for r in with_token)
    for r in with_token:
        path = r["target"].partition("?")[0]
        info = path.startswith("/api/models/org/") and path.count("/") == 4
        assert r["host"] == "hub" and (info or any(part in path for part in READING)), r["target"]
    assert not any(token in json.dumps(r["headers"]) for r in hub.requests() for token in CALLERS), (
        "who uses the remote's right needs none of their own")
    server.stop()
    search(server, ("hf_of_the_remote",) + CALLERS, server.text(), told)


def sealed_secrets(server):
    """As they stand in the database."""
    return re.findall(rb"v1\.[0-9a-f]{8}\.[0-9a-f]{24}\.[0-9a-f]+", (server.data / "hubcache.db").read_bytes())


def sealed_in(server):
    """Ids of the keys that sealed what is in the database."""
    content = (server.data / "hubcache.db").read_bytes()
    return set(re.findall(rb"v1\.([0-9a-f]{8})\.[0-9a-f]{24}\.", content))


def test_the_key_of_the_secrets_is_changed(world):
    hub = world.hub()
    server = world.server(hub)
    remote = as_admin(server, REMOTES, {"name": "ours", "url": hub.url, "hf_token": "hf_SECRETWORD",
                                        "password": "SECRETWORD"})["pulp_href"]
    assert "data directory" in command(world, server, "config", "rotate-key", code=1)
    assert server.stop() == 0
    key, before = (server.data / "secrets.key").read_text(), sealed_in(server)
    assert len(before) == 1
    assert command(world, server, "config", "rotate-key") == "2 secrets sealed with a new key"
    assert (server.data / "lock").read_bytes() == b"", "the next start need not look for what was lost"
    fresh = (server.data / "secrets.key").read_text()
    # The one before has its time beside it: it is good for Xet tokens of before.
    newest, older = fresh.splitlines()
    assert newest not in key and re.fullmatch(key.strip() + r" \d{10}", older)
    assert len(sealed_in(server)) == 1 and not sealed_in(server) & before

    # A change that was stopped after it wrote its key: what is there opens, and another completes it.
    (server.data / "secrets.key").write_text(f"{'ab' * 32}\n{newest} 1700000000\n{older}\n")
    server = world.server(hub)
    assert server.rest("GET", remote).json()["hf_token"] == "hf_SECRETWORD"
    assert server.stop() == 0
    assert command(world, server, "config", "rotate-key") == "2 secrets sealed with a new key"
    latest, middle, first = (server.data / "secrets.key").read_text().splitlines()
    assert latest not in fresh and middle.startswith("ab" * 32 + " ") and first == older
    server = world.server(hub)
    assert server.rest("GET", remote).json()["hf_token"] == "hf_SECRETWORD"
    search(server, ["SECRETWORD"])
