"""Rules on what may not be read, as an operator writes them and a user meets them."""
import json
import signal

from harness import command, get

from test_tasks import immediate, prefetched

RULES = """
[[rules]]
name = "no pickles"
contact = "ml-team@example.org"
types = ["model"]
deny_files = ["*.bin", "*.safetensors"]
"""
SCRIPT = """
from huggingface_hub import hf_hub_download, snapshot_download
try:
    hf_hub_download("org/model", "model.safetensors")
except Exception as failure:
    print(type(failure).__name__, " ".join(str(failure).split()))
print(snapshot_download("org/model", ignore_patterns="*.safetensors"))
"""
SAID = ('The rule "no pickles" of this hubcache forbids reading this file of the model org/model. '
        "Ask ml-team@example.org.")
MODEL = "/org/model/resolve/main/"


def test_a_user_is_told_which_rule_it_is_and_whom_to_ask(world):
    file = world.folder / "hubcache.toml"
    file.write_text("")
    hub = world.hub()
    server = world.server(hub, arguments=["--config", file])
    weights = server.endpoint + MODEL + "model.safetensors"
    assert get(weights).status == 200

    def reloaded(text):
        after = len(server.text())
        file.write_text(text)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("configuration (not )?reloaded", after=after)

    reloaded(RULES)
    for method in ("GET", "HEAD"):
        refused = get(weights, method=method)
        assert (refused.status, refused.headers["X-Error-Message"]) == (403, SAID)
    for version in ("2.4", "0.36"):
        code, out, err = world.python(version, SCRIPT, server.endpoint)
        assert code == 0, err
        refused, snapshot = out.splitlines()
        assert refused.startswith("GatedRepoError") and SAID in refused, refused
        assert snapshot
    reloaded(RULES.replace("*.bin", "[.bin"))  # which changes nothing
    assert "rules.deny_files: the pattern" in server.text() and get(weights).status == 403
    reloaded(RULES.replace("types", "distributions = ['hff']\ntypes"))
    assert "a rule names a distribution that does not exist" in server.text()
    assert get(weights).status == 200


def test_what_nobody_may_read_is_not_fetched_ahead(world):
    file = world.folder / "hubcache.toml"
    file.write_text(RULES)
    hub = world.hub()
    server = immediate(world, hub, arguments=["--config", file])
    assert get(server.endpoint + MODEL + "config.json").status == 200
    task = prefetched(server)
    assert task["state"] == "completed", task
    assert task["progress_reports"][0]["total"] == 7, task  # of 8
    assert not hub.requests(host="cdn")


def test_what_nobody_may_read_is_not_fetched_by_command(world):
    file = world.folder / "hubcache.toml"
    file.write_text(RULES + "deny_repos = ['org/gated']\n")
    hub = world.hub()
    server = world.server(hub, arguments=["--config", file])
    planned = command(world, server, "fetch", "org/model", "--dry-run", "--json")
    paths = {event["path"] for event in map(json.loads, planned.splitlines()) if "path" in event}
    assert "config.json" in paths and "model.safetensors" not in paths, planned
    said = command(world, server, "fetch", "org/gated", code=3)
    assert 'The rule "no pickles" of this hubcache' in said, said
    assert not hub.requests(part="org/gated")
