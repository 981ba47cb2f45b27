"""Logs: where they go, what a line says, and how much is told, changed while the server runs."""
import base64
import http.client
import json
import os
import pathlib
import re
import signal

from harness import command, get, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = "/org/model/resolve/main/model.safetensors"


def lines_of(text, event="access"):
    return [line for line in map(json.loads, text.splitlines()) if line["event"] == event]


def logging_to(world, file, *arguments):
    """A configuration that has the log in a file."""
    config = world.folder / "hubcache.toml"
    config.write_text(f'[log]\nfile = "{file}"\nformat = "json"\n')
    return ["--config", config, *arguments]


def told(file, event, count=1):
    wait_until(lambda: file.exists() and len(lines_of(file.read_text(), event)) >= count,
               f"{count} lines of {event} in {file.name}")
    return lines_of(file.read_text(), event)


def listening(server, file):
    """Where the server listens, which is not on its standard error."""
    wait_until(lambda: file.exists() and "ready" in file.read_text(), "the server is ready")
    address = lines_of(file.read_text(), "listening")[-1]["address"]
    server.origin = f"http://{address}"
    server.endpoint = server.origin + "/pulp/content/hf"
    return server


def test_an_access_line_says_where_the_bytes_came_from_and_how_long_the_hub_took(world):
    hub = world.hub()
    log = world.folder / "log.json"
    server = listening(world.start_server(hub, arguments=logging_to(world, log)), log)
    replies = [get(server.endpoint + FILE)]
    # A fill that nobody reads any more is sealed behind its last reader.
    wait_until(server.stored, "the file is stored")
    replies += [get(server.endpoint + FILE), get(server.endpoint + FILE, {"Range": "bytes=5-9"}),
                get(server.endpoint + "/api/models/org/model"),
                get(server.endpoint + "/api/models?limit=1"), get(server.origin + "/healthz")]
    lines = told(log, "access", 6)
    assert [line["request_id"] for line in lines] == [r.headers["X-Request-Id"] for r in replies]
    assert [line["bytes"] for line in lines] == [len(r.body) for r in replies]
    assert [line["cache"] for line in lines] == ["miss", "hit", "hit", "miss", "pass", ""]
    asked = [line["upstream_ms"] > 0 for line in lines]
    assert asked == [True, False, False, True, True, False], lines
    assert all(line["upstream_ms"] <= line["ms"] for line in lines), lines
    assert {line["method"] for line in lines} == {"GET"} and lines[2]["status"] == 206
    assert server.text() == "", "all of it went to the file"


def test_logrotate_moves_the_file_away_and_the_server_begins_another(world):
    log = world.folder / "server.json"
    server = listening(world.start_server(world.hub(), arguments=logging_to(world, log)), log)
    rules = (ROOT / "config" / "hubcache.logrotate").read_text()
    assert "/var/log/hubcache/*.log {" in rules and "systemctl kill" in rules
    # Of the test's own: its file, and its way to the server.
    rules = rules.replace("/var/log/hubcache/*.log", str(log)).replace("delaycompress", "nodelaycompress")
    rules = re.sub(r"systemctl kill .*", f"kill -USR1 {server.pid}", rules)
    rules = re.sub(r"^ *su .*\n", "", rules, flags=re.MULTILINE)
    (world.folder / "rules").write_text(rules)
    (world.folder / "rules").chmod(0o644)
    world.folder.chmod(0o755)
    get(server.origin + "/healthz?before")
    told(log, "access")
    world.run("logrotate", "--force", "--state", world.folder / "state", world.folder / "rules")
    wait_until(log.exists, "the server opens its log anew")
    get(server.origin + "/healthz?after")
    assert [line["event"] for line in told(log, "access")] == ["access"]
    rotated = [p for p in world.folder.glob("server.json*gz")]
    assert len(rotated) == 1 and b'"ready"' in world.run("zcat", rotated[0]).stdout
    # As SIGHUP does; and where nothing can be opened, the open file stays.
    log.rename(world.folder / "moved")
    world.folder.chmod(0o755)
    os.kill(server.pid, signal.SIGHUP)
    told(log, "configuration reloaded")
    assert server.stop() == 0 and lines_of(log.read_text(), "ended")


def test_the_level_is_changed_while_the_server_runs(world):
    log = world.folder / "log.json"
    server = listening(world.start_server(world.hub(), arguments=logging_to(world, log)), log)

    def told_of(path):
        wait_until(lambda: any(line["path"] == path for line in lines_of(log.read_text())), path)

    def quietly(path):
        """Asked for when no line is to be; the next request of a connection follows the first's line."""
        assert command(world, server, "log-level", "error") == ""
        connection = http.client.HTTPConnection(server.origin.partition("//")[2], timeout=60)
        for one in (path, "/livez"):
            connection.request("GET", one)
            connection.getresponse().read()
        connection.close()

    quietly("/healthz?1")
    assert command(world, server, "log-level", "info") == ""
    get(server.origin + "/-/healthz")
    told_of("/-/healthz")
    assert "debug, info, warn, error or off" in command(world, server, "log-level", "loud", code=2)
    # SIGHUP: what the configuration says.
    quietly("/healthz?2")
    os.kill(server.pid, signal.SIGHUP)
    told(log, "configuration reloaded")
    get(server.origin + "/readyz")
    told_of("/readyz")
    assert "/healthz" not in [line["path"] for line in lines_of(log.read_text())]
    config = world.folder / "hubcache.toml"
    config.write_text(config.read_text() + 'level = "loud"\n')
    os.kill(server.pid, signal.SIGHUP)
    reason = told(log, "configuration not reloaded")[0]["reason"]
    assert "hubcache.toml:4: log.level" in reason and "debug, info, warn, error, off" in reason
    assert server.stop() == 0
    assert "no server runs" in command(world, server, "log-level", "info", code=1)


def test_security_rule_23_no_secret_is_in_a_log_file_of_any_level(world):
    hub = world.hub()
    log = world.folder / "log.json"
    arguments = logging_to(world, log, "--log-level", "debug")
    server = listening(world.start_server(hub, arguments=arguments), log)
    secrets = ("hf_good", "hf_nonsense", "pw-of-remote", "hf_of_remote", "Signature=", "password-x")
    for token in ("hf_good", "hf_nonsense"):
        for path in ("/org/gated/resolve/main/model.safetensors", "/api/whoami-v2",
                     "/api/models/org/private", "/org/private/info/refs?service=git-upload-pack"):
            get(server.endpoint + path, {"Authorization": "Bearer " + token})
    get(server.endpoint + "/org/model/resolve/main/config.json?token=hf_good")
    basic = base64.b64encode(b"x:hf_good").decode()
    get(server.endpoint + "/org/private/info/refs?service=git-upload-pack",
        {"Authorization": "Basic " + basic})
    server.rest("POST", "/pulp/api/v3/remotes/hugging_face/hugging-face/",
                {"name": "s", "url": hub.url, "hf_token": "hf_of_remote", "username": "u",
                 "password": "pw-of-remote", "proxy_url": "http://u:password-x@127.0.0.1:9"})
    command(world, server, "user", "add", "ci", "--generate")
    assert server.stop() == 0
    text = log.read_text()
    assert len(lines_of(text)) >= 10
    for secret in (*secrets, basic):
        assert secret not in text, secret
