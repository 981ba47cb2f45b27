"""A hub that is another hubcache: a base URL with a path."""
import time

from harness import free_port, get
from test_huggingface_hub import (NEVER_KEPT, TOLD_APART, calls, differences, fill)


def chain(world):
    """The simulated Hub, a server that asks it, and one that asks that server."""
    hub = world.hub()
    fill(hub)
    first = world.server(hub, data="first")
    return hub, first, world.server(first.endpoint, data="second")


def test_every_call_through_two_servers(world):
    hub, first, second = chain(world)
    commit = get(hub.url + "/api/models/org/model").json()["sha"]
    want = calls(world, "2.4", hub.url, commit, HF_HUB_DISABLE_XET="1") | TOLD_APART
    for temperature in ("cold", "warm"):
        wrong = differences(calls(world, "2.4", second.endpoint, commit), want)
        assert not wrong, f"{temperature}:\n{wrong}"
    first.stop()
    hub.forget()
    kept = [name for name in want if name not in NEVER_KEPT]
    wrong = differences(calls(world, "2.4", second.endpoint, commit, kept), want)
    assert not wrong, f"without the first server:\n{wrong}"
    assert not hub.requests(), "the second server knows the first one only"


def test_headers_are_the_same_through_two_servers(world):
    hub, first, second = chain(world)
    names = ("ETag", "X-Repo-Commit", "X-Linked-ETag", "X-Linked-Size", "Content-Length",
             "Content-Type", "X-Error-Code", "X-Error-Message", "WWW-Authenticate")
    for path in ("/org/model/resolve/main/config.json", "/org/model/resolve/main/model.safetensors",
                 "/org/model/resolve/main/nope.json", "/org/model/resolve/nope/config.json",
                 "/org/none/resolve/main/config.json", "/org/gated/resolve/main/config.json",
                 "/org/model/raw/main/model.safetensors", "/api/models/org/none",
                 "/api/models/org/model/tree/nope"):
        for headers in ({}, {"Authorization": "Bearer hf_other"}):
            one = get(first.endpoint + path, headers)
            two = get(second.endpoint + path, headers)
            assert (one.status, one.body) == (two.status, two.body), path
            for name in names:
                assert one.headers[name] == two.headers[name], (path, name)
    page = get(second.endpoint + "/api/models/org/many/tree/main?recursive=true")
    assert page.headers["Link"].startswith(f"<{second.endpoint}/api/models/org/many/tree/main?")


def test_a_server_that_is_its_own_hub_answers_508(world):
    port = free_port()
    server = world.server(f"http://127.0.0.1:{port}/pulp/content/hf",
                          arguments=["--listen", f"127.0.0.1:{port}"])
    refuse_loop(server)


def test_two_servers_that_are_each_others_hub_answer_508(world):
    port = free_port()
    one = world.server(f"http://127.0.0.1:{port}/pulp/content/hf", data="one")
    two = world.server(one.endpoint, data="two", arguments=["--listen", f"127.0.0.1:{port}"])
    refuse_loop(one)
    refuse_loop(two)


def refuse_loop(server):
    for path in ("/org/model/resolve/main/config.json", "/api/models/org/model",
                 "/api/models/org/model/tree/main", "/api/models?author=org"):
        began = time.monotonic()
        reply = get(server.endpoint + path)
        assert reply.status == 508, (path, reply.status, reply.body)
        assert time.monotonic() - began < 3, "it is not tried again"
