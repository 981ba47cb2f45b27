"""A Hub that asks for fewer requests: clients wait with hubcache, or are told when to return."""
from harness import get

DOWNLOAD = """
from huggingface_hub import hf_hub_download
print(open(hf_hub_download("org/model", "config.json")).read())
"""


def download(world, server, version):
    code, out, err = world.python(version, DOWNLOAD, server.endpoint)
    assert code == 0, err[-2000:]
    return out


def test_a_short_limit_is_waited_out_for_every_client(world):
    hub = world.hub()
    want = get(hub.url + "/org/model/raw/main/config.json").body.decode().strip()
    for version in ("2.4", "0.25"):
        server = world.server(hub, data=f"data-{version}")
        hub.clear_faults()
        hub.fault(kind="limit", match="/resolve/", delay_ms=1500)
        assert download(world, server, version) == want, version
        server.stop()


def test_a_client_that_reads_the_limit_comes_back_when_it_has_ended(world):
    hub = world.hub()
    server = world.server(hub)
    want = get(hub.url + "/org/model/raw/main/config.json").body.decode().strip()
    hub.fault(kind="limit", match="/resolve/", delay_ms=6000)
    assert download(world, server, "2.4") == want
    asked = [r for r in hub.requests(host="hub", part="/resolve/") if r["status"] == 429]
    assert len(asked) == 1, "the Hub was left alone until its window had ended"
