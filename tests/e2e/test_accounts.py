"""Accounts and access tokens from the command line, with a server and without, and what they open."""
import base64
import hashlib
import json
import secrets
import sqlite3
import subprocess
import time

from harness import command, get

API = "/pulp/api/v3/"
SCRIPT = """
from huggingface_hub import hf_hub_download, snapshot_download
try:
    print(open(hf_hub_download("org/model", "config.json")).read() and "ok")
    snapshot_download("org/model", max_workers=4)
except Exception as failure:
    print(type(failure).__name__, failure)
"""


def admin(world, server, method, path, body=None):
    more = [] if body is None else ["-H", "Content-Type: application/json", "-d", body]
    return world.run("curl", "-sS", "-f", "-u", "admin:password", "-X", method, *more,
                     server.origin + path).stdout.decode()


def guarded(world, server):
    """Puts the distribution `hf` behind a guard that lets the account `ci` pass."""
    guard = json.loads(admin(world, server, "POST", API + "contentguards/core/rbac/",
                             json.dumps({"name": "team"})))["pulp_href"]
    admin(world, server, "POST", guard + "add_role/", json.dumps(
        {"role": "core.rbaccontentguard_downloader", "users": ["ci"], "groups": []}))
    lists = API + "distributions/hugging_face/hugging-face/"
    distribution = json.loads(admin(world, server, "GET", lists))["results"][0]["pulp_href"]
    admin(world, server, "PATCH", distribution, json.dumps({"content_guard": guard}))
    return guard


def test_a_hub_client_passes_a_guard_with_an_access_token(world):
    hub = world.hub()
    server = world.server(hub)
    command(world, server, "user", "add", "ci", typed="a password\n")
    command(world, server, "user", "add", "stranger", "--generate")
    token = command(world, server, "token", "create", "laptop", "--account", "ci")
    other = command(world, server, "token", "create", "theirs", "--account", "stranger")
    guarded(world, server)
    for version in ("2.4", "0.36", "0.25"):
        code, out, err = world.python(version, SCRIPT, server.endpoint, token=token)
        assert (code, out) == (0, "ok"), out + err
        for wrong in (other, "hc_" + "0" * 64, None):
            code, out, err = world.python(version, SCRIPT, server.endpoint, token=wrong)
            assert code == 0 and out.startswith("GatedRepoError"), out + err
    refused = get(server.endpoint + "/org/model/resolve/main/config.json")
    assert refused.body == b"403: Authentication credentials were not provided."
    assert refused.headers["X-Error-Message"] == "Authentication credentials were not provided."
    command(world, server, "token", "revoke", "laptop")
    code, out, err = world.python("2.4", SCRIPT, server.endpoint, token=token)
    assert out.startswith("GatedRepoError"), out + err

    # SECURITY 6: none of them was ever sent upstream, nor written down.
    for request in hub.requests():
        assert "hc_" not in str(request["headers"]) + request["target"], request
    for secret in (token, other):
        assert secret not in server.text()
        for file in server.data.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def signed(path, secret, expires):
    """As Pulp signs what a content_redirect guard lets pass (contract 5.5)."""
    salt, query = secrets.token_bytes(16), f"expires={expires}"
    made = hashlib.sha256(salt + f"{path}?{query}{secret}".encode()).hexdigest()
    return f"{path}?{query}&validate_token={salt.hex()}:{made}"


def test_a_redirect_guard_lets_pass_what_was_signed_for_its_path(world):
    hub = world.hub()
    server = world.server(hub)
    guard = server.rest("POST", API + "contentguards/core/content_redirect/",
                        {"name": "signed"}).json()
    assert "secret" not in str(guard)
    lists = API + "distributions/hugging_face/hugging-face/"
    distribution = server.rest("GET", lists).json()["results"][0]["pulp_href"]
    assert server.rest("PATCH", distribution,
                       {"content_guard": guard["pulp_href"]}).status == 202
    assert server.stop() == 0
    with sqlite3.connect(server.data / "hubcache.db") as rows:  # nobody else is told the secret
        rows.execute("UPDATE resources SET doc = json_set(doc, '$.secret', 'of the guard') "
                     "WHERE kind = 'contentguard.content_redirect'")
    server = world.server(hub)
    path = "/pulp/content/hf/org/model/resolve/main/config.json"
    later = int(time.time()) + 600
    passed = get(server.origin + signed(path, "of the guard", later))
    assert passed.status == 200 and b"{" in passed.body, passed.body
    for target, refusal in (
            (path, "Access not authenticated"),
            (signed(path, "of another", later), "Access not authenticated"),
            (signed(path, "of the guard", later).replace("config.json", "README.md"),
             "Access not authenticated"),
            (signed(path, "of the guard", later) + "&more=1", "Access not authenticated"),
            (signed(path, "of the guard", 1), "Authentication expired")):
        refused = get(server.origin + target)
        assert (refused.status, refused.body) == (403, b"403: " + refusal.encode()), target
    assert hub.requests() and not hub.requests(part="validate_token")


def test_whoami_tells_the_account_where_the_remote_has_a_token_of_its_own(world):
    hub = world.hub()
    server = world.server(hub)
    command(world, server, "user", "add", "ci", typed="a password\n")
    token = command(world, server, "token", "create", "laptop", "--account", "ci")
    remote = json.loads(admin(world, server, "POST", API + "remotes/hugging_face/hugging-face/",
                              json.dumps({"name": "ours", "url": hub.url, "hf_token": "hf_good"})))
    admin(world, server, "POST", API + "distributions/hugging_face/hugging-face/", json.dumps(
        {"name": "ours", "base_path": "ours", "remote": remote["pulp_href"]}))
    endpoint = server.origin + "/pulp/content/ours"
    script = "from huggingface_hub import HfApi; print(HfApi().whoami()['name'])"
    hub.forget()
    for version in ("2.4", "0.36", "0.25"):
        code, out, err = world.python(version, script, endpoint, token=token)
        assert (code, out) == (0, "ci"), out + err
        code, _, _ = world.python(version, script, endpoint, token="hf_other")
        assert code != 0
    assert not hub.requests(part="whoami")


def test_tokens_of_administrators_open_the_api_and_others_do_not(world):
    server = world.server(world.hub())
    command(world, server, "user", "add", "ci", typed="pw\n")
    remotes = server.origin + API + "remotes/"
    for account, status in (("admin", 200), ("ci", 403)):
        token = command(world, server, "token", "create", account, "--account", account)
        assert get(remotes, {"Authorization": f"Bearer {token}"}).status == status
    assert get(remotes, {"Authorization": "Bearer hc_no"}).status == 401
    assert get(remotes, {"Authorization": "Bearer hf_good"}).status == 401


def test_accounts_are_tended_with_and_without_a_server(world):
    server = world.server(world.hub())
    for is_running in (True, False):
        if not is_running:
            assert server.stop() == 0
        name = f"user-{is_running}"
        command(world, server, "user", "add", name, "--role", "admin", typed="pw\n")
        listed = command(world, server, "user", "list").splitlines()
        assert any(line.split()[0] == "admin" and line.endswith(name) for line in listed), listed
        assert "already" in command(world, server, "user", "add", name, typed="pw\n", code=1)
        assert len(command(world, server, "user", "passwd", name, "--generate")) == 24
        command(world, server, "token", "create", "t", "--account", name, "--expires", "30 d")
        listed = command(world, server, "token", "list")
        assert f"t ({name})" in listed and "never" not in listed, listed
        command(world, server, "user", "remove", name)
        assert f"({name})" not in command(world, server, "token", "list")
        for arguments, said, code in (
                (("user", "remove", name), f'there is no account "{name}"', 1),
                (("user", "remove", "admin"), "the last administrator", 1),
                (("token", "revoke", "t"), 'there is no token "t"', 1),
                (("token", "create", "t", "--account", name), "there is no account", 1),
                (("token", "create", "t", "--account", "admin", "--expires", "soon"), "30 d", 2),
                (("user", "add", "x", "--role", "king", "--generate"), "admin and downloader", 2),
                (("user", "add", "a:b", "--generate"), "no colon", 2)):
            complaint = command(world, server, *arguments, code=code)
            assert said in complaint and complaint.count("\n") == 0, complaint


def test_what_the_command_line_changes_is_in_the_audit_log_without_secrets(world):
    server = world.server(world.hub())
    generated = command(world, server, "user", "add", "ci", "--generate")
    token = command(world, server, "token", "create", "laptop", "--account", "ci")
    command(world, server, "user", "passwd", "ci", typed="another password\n")
    command(world, server, "user", "list")
    command(world, server, "token", "list")
    command(world, server, "token", "revoke", "laptop")
    command(world, server, "token", "revoke", "laptop", code=1)
    command(world, server, "user", "remove", "ci")
    assert server.stop() == 0
    lines = [line.split(" audit ", 1)[1] for line in server.text().splitlines()
             if " audit " in line]
    assert lines == [f'action={action} object={name} account="command line"' for action, name in (
        ("user.add", "ci"), ("token.create", '"laptop (ci)"'), ("user.passwd", "ci"),
        ("token.revoke", "laptop"), ("user.remove", "ci"))], lines
    for secret in (generated, token, "another password"):
        assert secret not in server.text()


def test_a_role_that_is_taken_closes_the_path_at_once_for_tokens_and_passwords(world):
    server = world.server(world.hub())
    command(world, server, "user", "add", "ci", typed="pw\n")
    token = command(world, server, "token", "create", "laptop", "--account", "ci")
    guard = guarded(world, server)
    role = json.dumps({"role": "core.rbaccontentguard_downloader", "users": ["ci"]})
    basic = base64.b64encode(b"ci:pw").decode()

    def statuses():
        return [get(server.endpoint + "/org/model/resolve/main/config.json",
                    {"Authorization": value}).status
                for value in (f"Bearer {token}", f"Basic {basic}")]

    for _ in range(2):
        assert statuses() == [200, 200]
        admin(world, server, "POST", guard + "remove_role/", role)
        assert statuses() == [403, 403]
        admin(world, server, "POST", guard + "add_role/", role)
    assert server.stop() == 0
    lines = [line for line in server.text().splitlines() if " audit " in line]
    prn = "prn:core.rbaccontentguard:" + guard.split("/")[-2]
    for verb, times in (("add_role", 3), ("remove_role", 2)):
        found = [line for line in lines
                 if f"action=contentguards_core_rbac_{verb} object={prn} " in line]
        assert len(found) == times and all("account=admin " in line for line in found), lines


def test_a_data_directory_that_is_none_is_named(world):
    done = subprocess.run([str(world.binary), "user", "list", "--data-dir",
                           str(world.folder / "nothing")], capture_output=True, text=True)
    assert done.returncode == 1 and "hubcache serve" in done.stderr, done.stderr
    assert not (world.folder / "nothing").exists()


def test_the_control_socket_is_the_owners_alone_and_goes_with_the_server(world):
    server = world.server(world.hub())
    socket = server.data / "control.sock"
    assert socket.stat().st_mode & 0o077 == 0
    assert server.stop() == 0
    assert not socket.exists()
