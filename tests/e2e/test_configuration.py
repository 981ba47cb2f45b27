"""Starting hubcache as a new user does: with nothing, with mistakes, and reading its log."""
import json
import os
import re
import stat
import subprocess

from harness import get

REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"


def bare_environment(world):
    return {"HOME": str(world.folder / "home"), "PATH": os.environ["PATH"]}


def refusal(world, arguments, environment=None):
    """What a start that is refused says."""
    done = subprocess.run([str(world.binary), *map(str, arguments)], capture_output=True,
                          text=True, env={**bare_environment(world), **(environment or {})},
                          timeout=30)
    assert done.returncode == 2, (arguments, done.returncode, done.stderr)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("hubcache: "), done.stderr
    return done.stderr[len("hubcache: "):].strip()


def test_no_configuration_is_enough(world):
    log = world.folder / "server.log"
    with open(log, "wb") as out:
        process = subprocess.Popen([str(world.binary), "serve", "--listen", "127.0.0.1:0"],
                                   env=bare_environment(world), stdout=out, stderr=out)
    try:
        while not (found := re.search(r"listening address=(\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
        origin = f"http://{found[1]}"
        data = world.folder / "home/.local/share/hubcache"
        secret = data / "admin-password"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        password = secret.read_text().strip()
        remote = json.loads(world.run("curl", "-sS", "-f", "-u", f"admin:{password}",
                                      f"{origin}{REMOTES}?name=huggingface").stdout)["results"][0]
        assert remote["url"] == "https://huggingface.co" and remote["hf_token"] is None
        dists = json.loads(world.run("curl", "-sS", "-f", "-u", f"admin:{password}", origin +
                                     "/pulp/api/v3/distributions/hugging_face/hugging-face/").stdout)
        assert [(d["base_path"], d["remote"]) for d in dists["results"]] == \
            [("hf", remote["pulp_href"])]
        assert password not in log.read_text()
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_mistakes_are_named_with_their_place_and_what_is_allowed(world):
    file = world.folder / "hubcache.toml"
    for text, place, allowed in (
            ("[storage]\n\nmax_sise = \"1 GiB\"\n", f"{file}:3: ", "max_size"),
            ("[storage]\nmax_size = \"1 gig\"\n", f"{file}:2: storage.max_size: ", "500 GiB"),
            ("[cache]\ngrant_ttl = 300\n", f"{file}:2: cache.grant_ttl: ", "5 min"),
            ("[log]\nlevel = \"loud\"\n", f"{file}:2: log.level: ", "debug, info, warn"),
            ("[server]\nlisten = [\"8080\"]\n", f"{file}:2: server.listen: ", "ADDR:PORT"),
            ("[sever]\n", f"{file}:1: ", "server, storage"),
            ("[server\n", f"{file}:1: ", "")):
        file.write_text(text)
        said = refusal(world, ["serve", "--config", file])
        assert said.startswith(place) and allowed in said, said
    said = refusal(world, ["serve"], {"HUBCACHE_LOG_FORMAT": "xml"})
    assert said.startswith("HUBCACHE_LOG_FORMAT: ") and "text, json" in said, said
    said = refusal(world, ["config"], {"HUBCACHE_LOG_LEVL": "info"})
    assert said.startswith("HUBCACHE_LOG_LEVL: ") and "hubcache config --reference" in said, said
    said = refusal(world, ["serve", "--upstream", "huggingface.co"])
    assert "upstream.url (flag)" in said and "http://" in said, said
    said = refusal(world, ["serve", "--config", world.folder / "absent.toml"])
    assert "absent.toml" in said, said


def test_the_request_id_of_an_answer_is_in_the_log(world):
    server = world.server("http://127.0.0.1:9", data="text")
    request_id = get(server.origin + REMOTES).headers["X-Request-Id"]
    server.wait_for(rf"access .* path={REMOTES} status=401 .* request_id={request_id}\b")

    after = len(server.text())
    json_server = world.server("http://127.0.0.1:9", data="json",
                               env={"HUBCACHE_LOG_FORMAT": "json"})
    request_id = get(json_server.origin + REMOTES).headers["X-Request-Id"]
    line = json_server.wait_for(rf'.*"request_id":"{request_id}".*', after=after)[0]
    event = json.loads(line)
    assert event["event"] == "access" and event["path"] == REMOTES and event["status"] == 401
