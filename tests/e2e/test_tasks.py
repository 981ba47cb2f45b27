"""Work that takes its time: tasks by REST, what they do to the cache, and how they outlive a server."""

from harness import get, wait_until

API = "/pulp/api/v3/"
MODEL = "/org/model/resolve/main/"
FINAL = ("completed", "failed", "canceled")


def ended(server, href):
    """The task, once it is over."""
    wait_until(lambda: server.rest("GET", href).json()["state"] in FINAL, f"the end of {href}")
    return server.rest("GET", href).json()


def do(server, path, body):
    started = server.rest("POST", API + path, body)
    assert started.status == 202, started.body
    return ended(server, started.json()["task"])


def reports(task):
    return {report["code"]: report["done"] for report in task["progress_reports"]}


def remote_of(server):
    return server.rest("GET", API + "remotes/").json()["results"][0]["pulp_href"]


def test_orphans_are_what_no_remote_leads_to(world):
    hub = world.hub()
    server = world.server(hub)
    body = get(server.endpoint + MODEL + "config.json").body
    wait_until(lambda: len(server.stored()) == 1, "a stored blob")
    task = do(server, "orphans/cleanup/", {"orphan_protection_time": 0})
    assert task["state"] == "completed" and task["name"].endswith("orphan_cleanup")
    assert reports(task) == {"clean-up.content": 0, "clean-up.artifacts": 0}

    # As the caller of another token: what was known before leads nowhere any more.
    changed = server.rest("PATCH", remote_of(server), {"hf_token": "hf_other"})
    assert changed.status == 202, changed.body
    task = do(server, "orphans/cleanup/", {})
    assert reports(task) == {"clean-up.content": 1, "clean-up.artifacts": 0}  # it was used today
    assert len(server.stored()) == 1
    task = do(server, "orphans/cleanup/", {"orphan_protection_time": 0})
    assert reports(task) == {"clean-up.content": 0, "clean-up.artifacts": 1}
    assert server.stored() == []
    server.rest("PATCH", remote_of(server), {"hf_token": None})
    assert get(server.endpoint + MODEL + "config.json").body == body


def test_content_that_is_named_goes(world):
    hub = world.hub()
    server = world.server(hub)
    for name in ("config.json", "README.md"):
        assert get(server.endpoint + MODEL + name).status == 200
    wait_until(lambda: server.rest("GET", API + "content/").json()["count"] == 2, "two contents")
    contents = server.rest("GET", API + "content/hugging_face/hugging-face/").json()["results"]
    named, = (c["pulp_href"] for c in contents if c["relative_path"].endswith("/config.json"))
    task = do(server, "orphans/cleanup/", {"content_hrefs": [named], "orphan_protection_time": 0})
    assert reports(task) == {"clean-up.content": 1, "clean-up.artifacts": 1}
    assert len(server.stored()) == 1
    assert server.rest("GET", named).status == 404
