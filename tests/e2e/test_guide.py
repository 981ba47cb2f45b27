"""The user's guide, command by command: typed into a shell, with curl and jq, in the guide's order.

Only host names, tokens and hrefs are filled in."""
import json

from harness import get

REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
DISTRIBUTIONS = "/pulp/api/v3/distributions/hugging_face/hugging-face/"


class Shell:
    """A reader of the guide, at a prompt."""

    def __init__(self, world, server, hub):
        self.world = world
        self.variables = f"PULP={server.origin} HUB={hub.url}"

    def type(self, command):
        """What the command prints; fails when it fails."""
        script = f"set -e -o pipefail; {self.variables}\n{command}"
        return self.world.run("bash", "-c", script).stdout.decode()

    def json(self, command):
        return json.loads(self.type(command))

    def post(self, path, body):
        """`body` is as the guide quotes it: in single quotes, or in double ones with variables."""
        return self.json(f'curl -sS -X POST $PULP{path} -H "Content-Type: application/json" '
                         f"-u admin:password -d {body}")


def curl(world, server, method, path, body=None):
    command = ["curl", "-sS", "-X", method, server.origin + path, "-u", "admin:password"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return json.loads(world.run(*command).stdout)


def remote_named(name, hub, token=None):
    """The body of a remote as the guide types it."""
    body = {"name": name, "url": hub.url, "policy": "on_demand"}
    return f"'{json.dumps({**body, 'hf_token': token} if token else body, indent=2)}'"


def test_the_guide(world):
    hub = world.hub()
    server = world.server(hub)
    shell = Shell(world, server, hub)

    # Creating an authenticated remote, with the token in the command ...
    made = shell.post(REMOTES, remote_named("hf-private", hub, "hf_wrong"))
    assert made["name"] == "hf-private" and made["policy"] == "on_demand"
    assert made["hf_token"] == "hf_wrong" and made["pulp_href"].startswith(REMOTES)
    shell.type(f"curl -sS -f -X DELETE $PULP{made['pulp_href']} -u admin:password")
    # ... and with the token in the environment.
    private = shell.json(r'''
        export HF_TOKEN="hf_wrong"
        curl -sS -X POST $PULP/pulp/api/v3/remotes/hugging_face/hugging-face/ \
          -H "Content-Type: application/json" \
          -u admin:password \
          -d "{
          \"name\": \"hf-private\",
          \"url\": \"$HUB\",
          \"policy\": \"on_demand\",
          \"hf_token\": \"$HF_TOKEN\"
        }"''')
    assert private["name"] == "hf-private" and private["hf_token"] == "hf_wrong"

    # Updating the token: the reply is the object, as the guide prints it.
    patched = shell.json(f'''
        REMOTE_HREF="{private['pulp_href']}"
        curl -sS -X PATCH $PULP${{REMOTE_HREF}} \\
          -H "Content-Type: application/json" \\
          -u admin:password \\
          -d '{{
          "hf_token": "hf_good"
        }}' ''')
    shown = {k: patched[k] for k in ("pulp_href", "name", "url", "policy", "hf_token")}
    assert shown == {"pulp_href": private["pulp_href"], "name": "hf-private", "url": hub.url,
                     "policy": "on_demand", "hf_token": "hf_good"}

    # Several remotes, and a distribution for each.
    public = shell.post(REMOTES, remote_named("hf-public", hub))
    assert public["hf_token"] is None
    again = shell.post(REMOTES, remote_named("hf-private", hub, "hf_good"))
    assert again == {"name": ["This field must be unique."]}  # the one from above is there already
    for name, remote in (("hf-public", public), ("hf-private", private)):
        body = {"name": f"{name}-dist", "base_path": name, "remote": remote["pulp_href"]}
        dist = shell.post(DISTRIBUTIONS, f"'{json.dumps(body, indent=2)}'")
        assert dist["base_path"] == name and dist["remote"] == remote["pulp_href"]
        assert dist["base_url"] == f"/pulp/content/{name}/"
        task = shell.json(f"curl -sS $PULP{dist['task']} -u admin:password")
        assert task["state"] == "completed" and task["created_resources"] == [dist["pulp_href"]]

    # Accessing private content.
    path = "/org/private/resolve/main/config.json"
    through = shell.type(f"curl -sS -f $PULP/pulp/content/hf-private{path}")
    assert through.encode() == get(hub.url + path, {"Authorization": "Bearer hf_good"}).body
    assert get(f"{server.origin}/pulp/content/hf-public{path}").status == 401

    # Troubleshooting: the token at the hub itself, the remotes, the distributions.
    direct = shell.json('HF_TOKEN=hf_good; curl -sS -H "Authorization: Bearer $HF_TOKEN" '
                        "$HUB/api/models/org/private")
    assert direct["id"] == "org/private"
    tokens = shell.type(f"curl -sS $PULP{REMOTES} -u admin:password "
                        "| jq -c '.results[] | {name, hf_token}'").splitlines()
    assert '{"name":"hf-private","hf_token":"hf_good"}' in tokens
    assert '{"name":"hf-public","hf_token":null}' in tokens
    remotes = shell.type(f"curl -sS $PULP{DISTRIBUTIONS} -u admin:password "
                         "| jq -c '.results[] | {name, remote}'").splitlines()
    for name, remote in (("hf-public", public), ("hf-private", private)):
        assert f'{{"name":"{name}-dist","remote":"{remote["pulp_href"]}"}}' in remotes


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
