"""The user's guide, command by command."""
import json

from harness import get

REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
DISTRIBUTIONS = "/pulp/api/v3/distributions/hugging_face/hugging-face/"


def curl(world, server, method, path, body=None):
    command = ["curl", "-sS", "-X", method, server.origin + path, "-u", "admin:password"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return json.loads(world.run(*command).stdout)


def jq(world, server, path, expression):
    command = f"curl -sS {server.origin}{path} -u admin:password | jq -c '{expression}'"
    return [json.loads(line) for line in world.run("sh", "-c", command).stdout.splitlines()]


def test_the_guide(world):
    hub = world.hub()
    server = world.server(hub)

    private = curl(world, server, "POST", REMOTES, {
        "name": "hf-private", "url": hub.url, "policy": "on_demand", "hf_token": "hf_wrong"})
    assert private["name"] == "hf-private" and private["policy"] == "on_demand"
    assert private["pulp_href"].startswith(REMOTES)

    patched = curl(world, server, "PATCH", private["pulp_href"], {"hf_token": "hf_good"})
    shown = {k: patched[k] for k in ("pulp_href", "name", "url", "policy", "hf_token")}
    assert shown == {"pulp_href": private["pulp_href"], "name": "hf-private", "url": hub.url,
                     "policy": "on_demand", "hf_token": "hf_good"}

    public = curl(world, server, "POST", REMOTES, {
        "name": "hf-public", "url": hub.url, "policy": "on_demand"})
    for name, remote in (("hf-public", public), ("hf-private", private)):
        made = curl(world, server, "POST", DISTRIBUTIONS, {
            "name": f"{name}-dist", "base_path": name, "remote": remote["pulp_href"]})
        assert made["base_path"] == name and made["task"].startswith("/pulp/api/v3/tasks/")
        assert curl(world, server, "GET", made["task"])["state"] == "completed"

    tokens = jq(world, server, REMOTES, ".results[] | {name, hf_token}")
    assert {"name": "hf-private", "hf_token": "hf_good"} in tokens
    assert {"name": "hf-public", "hf_token": None} in tokens
    remotes = jq(world, server, DISTRIBUTIONS, ".results[] | {name, remote}")
    assert {"name": "hf-private-dist", "remote": private["pulp_href"]} in remotes

    path = "/org/private/resolve/main/config.json"
    through = world.run("curl", "-sS", "-f", f"{server.origin}/pulp/content/hf-private{path}").stdout
    assert through == get(hub.url + path, {"Authorization": "Bearer hf_good"}).body
    assert get(f"{server.origin}/pulp/content/hf-public{path}").status == 401


def test_a_patched_token_is_in_force_before_its_reply(world):
    hub = world.hub()
    server = world.server(hub)
    remote = curl(world, server, "POST", REMOTES, {"name": "r", "url": hub.url,
                                                   "hf_token": "hf_good"})
    curl(world, server, "POST", DISTRIBUTIONS, {"name": "d", "base_path": "d",
                                                "remote": remote["pulp_href"]})
    url = f"{server.origin}/pulp/content/d/org/private/resolve/main/config.json"
    for _ in range(3):
        curl(world, server, "PATCH", remote["pulp_href"], {"hf_token": "hf_good"})
        assert get(url).status == 200
        curl(world, server, "PATCH", remote["pulp_href"], {"hf_token": None})
        assert get(url).status == 401


def test_what_was_made_survives_a_restart_and_secrets_are_sealed(world):
    hub = world.hub()
    server = world.server(hub)
    made = curl(world, server, "POST", REMOTES, {"name": "kept", "url": hub.url,
                                                 "hf_token": "hf_verysecret", "password": "pw-9876"})
    server.stop()
    for file in server.data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"hf_verysecret" not in content and b"pw-9876" not in content, file
    server = world.server(hub)
    again = curl(world, server, "GET", made["pulp_href"])
    assert again["hf_token"] == "hf_verysecret" and again["name"] == "kept"
