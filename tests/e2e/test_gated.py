"""SECURITY: nobody reads what the Hub would refuse them, cached or not."""
from harness import PLAIN, get

SCRIPT = """
from huggingface_hub import hf_hub_download
try:
    hf_hub_download({repo!r}, {file!r})
    print("ok")
except Exception as failure:
    print(type(failure).__name__)
"""


def outcome(world, version, endpoint, repo, file, token=None):
    code, out, err = world.python(version, SCRIPT.format(repo=repo, file=file), endpoint,
                                  token=token)
    assert code == 0, err
    return out.splitlines()[-1]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_gated_file_is_refused_to_who_may_not_read_it(world):
    hub = world.hub()
    server = world.server(hub, env=PLAIN)
    url = server.endpoint + "/org/gated/resolve/main/model.safetensors"
    assert get(url, bearer("hf_good")).status == 200
    for method in ("GET", "HEAD"):
        anonymous = get(url, method=method)
        assert (anonymous.status, anonymous.headers["X-Error-Code"]) == (401, "GatedRepo")
        other = get(url, bearer("hf_other"), method=method)
        assert (other.status, other.headers["X-Error-Code"]) == (403, "GatedRepo")
    for version in ("2.4", "0.36"):
        assert outcome(world, version, server.endpoint, "org/gated", "model.safetensors",
                       "hf_good") == "ok"
        assert outcome(world, version, server.endpoint, "org/gated",
                       "model.safetensors") == "GatedRepoError"
        assert outcome(world, version, server.endpoint, "org/gated", "model.safetensors",
                       "hf_other") == "GatedRepoError"


def test_private_file_is_refused_as_the_hub_words_it(world):
    hub = world.hub()
    server = world.server(hub)
    path = "/org/private/resolve/main/config.json"
    assert get(server.endpoint + path, bearer("hf_good")).status == 200
    for headers in ({}, bearer("hf_other"), bearer("hf_nonsense")):
        ours, direct = get(server.endpoint + path, headers), get(hub.url + path, headers)
        assert ours.status == direct.status
        assert ours.headers["X-Error-Message"] == direct.headers["X-Error-Message"]
    for version in ("2.4", "0.36"):
        assert outcome(world, version, server.endpoint, "org/private",
                       "config.json") == "RepositoryNotFoundError"


def test_another_repo_that_names_the_digest_shows_nothing(world):
    hub = world.hub()
    server = world.server(hub)
    private = "/org/private/resolve/main/model.safetensors"
    good = get(server.endpoint + private, bearer("hf_good"))
    assert good.status == 200
    # A public repo whose LFS pointer names that digest and size, while its own bytes are others.
    hub.control("repo", {"id": "evil/thief", "files": [
        {"path": "model.safetensors", "lfs": True, "size": len(good.body), "seed": 99,
         "claim_sha256": good.headers["ETag"].strip('"')}]})
    for _ in range(2):
        try:
            stolen = get(server.endpoint + "/evil/thief/resolve/main/model.safetensors")
            assert stolen.body != good.body
            assert stolen.status >= 400
        except (ConnectionError, OSError):
            pass  # cut: nothing was shown either
    assert get(server.endpoint + private, bearer("hf_good")).body == good.body


def test_tokens_stay_off_the_cdn_the_logs_and_the_database(world):
    hub = world.hub()
    server = world.server(hub, arguments=["--log-level", "debug"])
    assert get(server.endpoint + "/org/gated/resolve/main/model.safetensors",
               bearer("hf_good")).status == 200
    assert all("authorization" not in {k.lower() for k in r["headers"]}
               for r in hub.requests(host="cdn"))
    server.stop()
    assert "hf_good" not in server.text()
    for file in server.data.rglob("*"):
        if file.is_file():
            assert b"hf_good" not in file.read_bytes(), file
