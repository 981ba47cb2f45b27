"""What the usual ways to read cost upstream, with the real clients (docs/clients.md, "What is asked
when")."""
from harness import get

VERSIONS = ("2.4", "1.22", "0.36", "0.30", "0.25")
SNAPSHOT = """
import sys
from huggingface_hub import snapshot_download
snapshot_download("org/model", revision=sys.argv[1])
"""
FILES = """
import sys
from huggingface_hub import hf_hub_download
for name in sys.argv[2:]:
    try:
        hf_hub_download("org/model", name, revision=sys.argv[1])
    except Exception as failure:
        assert "EntryNotFound" in type(failure).__name__, failure
"""
ABSENT = ["adapter_config.json", "generation_config.json", "chat_template.jinja", "modules.json",
          "processor_config.json", "custom_generate/generate.py", "1_Pooling/config.json",
          "model.safetensors.index.json", "added_tokens.json", "special_tokens_map.json"]
SIBLINGS = 8  # files of org/model


def run(world, version, script, endpoint, *arguments):
    code, _, err = world.python(version, script, endpoint, arguments)
    assert code == 0, err[-2000:]


def asked(hub):
    return [f'{r["host"]} {r["method"]} {r["target"]}' for r in hub.requests()]


def content_requests(hub):
    """Of files' bytes; where the Hub leads them on its own host is not counted anew."""
    return hub.requests(host="hub", method="GET", part="/resolve/")


def others(hub):
    return [r for r in hub.requests(host="hub")
            if "/resolve-cache/" not in r["target"]
            and not (r["method"] == "GET" and "/resolve/" in r["target"])]


def test_a_cold_snapshot_costs_one_request_per_file_and_a_handful(world):
    hub = world.hub()
    for version in VERSIONS:
        server = world.server(hub, data=f"data-{version}")
        hub.forget()
        run(world, version, SNAPSHOT, server.endpoint, "main")
        assert len(content_requests(hub)) <= SIBLINGS, (version, asked(hub))
        assert len(hub.requests(host="cdn")) <= 1, (version, asked(hub))
        assert len(others(hub)) <= 6, (version, asked(hub))
        server.stop()


def test_a_warm_snapshot_costs_nothing(world):
    hub = world.hub()
    server = world.server(hub)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    run(world, "2.4", SNAPSHOT, server.endpoint, "main")
    run(world, "0.36", SNAPSHOT, server.endpoint, commit)
    hub.forget()
    for version in VERSIONS:
        run(world, version, SNAPSHOT, server.endpoint, commit)
        run(world, version, SNAPSHOT, server.endpoint, "main")
    own = [line for line in asked(hub) if "/agent-harnesses" not in line]
    assert not own, own


def test_files_that_do_not_exist_cost_one_request(world):
    hub = world.hub()
    for version in ("2.4", "0.25"):
        server = world.server(hub, data=f"data-{version}")
        run(world, version, FILES, server.endpoint, "main", "config.json")
        hub.forget()
        run(world, version, FILES, server.endpoint, "main", *ABSENT)
        own = [line for line in asked(hub) if "/agent-harnesses" not in line]
        assert len(own) <= 1, own
        server.stop()
