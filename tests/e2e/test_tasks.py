"""Work that takes its time: tasks by REST, what they do to the cache, and how they outlive a server."""

import signal

from harness import get, sha256, wait_until

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


def damage(file):
    """Other bytes, as many of them."""
    content = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(bytes(byte ^ 1 for byte in content))


def stored_two(server):
    """The files on disk of two of the model, the first by name."""
    for name in ("config.json", "README.md"):
        assert get(server.endpoint + MODEL + name).status == 200
    wait_until(lambda: len(server.stored()) == 2, "two stored blobs")
    return server.stored()


def test_repair_finds_what_is_wrong_and_fetches_it_anew(world):
    hub = world.hub()
    server = world.server(hub)
    first, second = stored_two(server)
    contents = {name: get(server.endpoint + MODEL + name).body
                for name in ("config.json", "README.md")}
    damage(first)
    second.unlink()
    task = do(server, "repair/", {"verify_checksums": False})
    assert reports(task) == {"repair.missing": 1, "repair.corrupted": 0, "repair.repaired": 1}
    task = do(server, "repair/", {})
    assert task["state"] == "completed" and task["name"].endswith("repair_all_artifacts")
    assert reports(task) == {"repair.missing": 0, "repair.corrupted": 1, "repair.repaired": 1}
    for name, content in contents.items():
        assert get(server.endpoint + MODEL + name).body == content
    wait_until(lambda: len(server.stored()) == 2, "what was repaired to be stored")
    assert set(reports(do(server, "repair/", {})).values()) == {0}


def test_what_repair_cannot_fetch_is_served_to_nobody(world):
    hub = world.hub()
    server = world.server(hub)
    first, second = stored_two(server)
    damage(first)
    damage(second)
    hub.stop()
    task = do(server, "repair/", {})
    assert reports(task) == {"repair.missing": 0, "repair.corrupted": 2, "repair.repaired": 0}
    assert server.stored() == []
    assert get(server.endpoint + MODEL + "config.json").status in (502, 504)


def test_verify_finds_what_is_wrong_and_asks_nothing_upstream(world):
    hub = world.hub()
    server = world.server(hub)
    first, second = stored_two(server)
    damage(first)
    second.unlink()
    hub.forget()
    task = do(server, "verify/", {"rate": 10_000_000})
    assert task["state"] == "completed" and task["name"] == "hubcache.mirror.verify"
    assert reports(task) == {"verify.checked": 2, "verify.false": 1, "verify.missing": 1}
    assert hub.requests() == [] and server.stored() == []
    for name in ("config.json", "README.md"):  # the next use fetches them anew
        assert get(server.endpoint + MODEL + name).status == 200
    wait_until(lambda: len(server.stored()) == 2, "what was fetched to be stored")
    assert reports(do(server, "verify/", {})) == {
        "verify.checked": 2, "verify.false": 0, "verify.missing": 0}


def test_a_slow_verify_can_be_canceled_and_outlives_a_restart(world):
    hub = world.hub()
    server = world.server(hub)
    assert get(server.endpoint + "/gpt2/resolve/main/model.safetensors").status == 200
    wait_until(lambda: len(server.stored()) == 1, "a stored blob")
    started = server.rest("POST", API + "verify/", {"rate": 1}).json()["task"]
    wait_until(lambda: server.rest("GET", started).json()["state"] == "running", "the start of it")
    server.stop()
    server = world.server(hub)
    wait_until(lambda: server.rest("GET", started).json()["state"] == "running", "its new start")
    assert server.rest("PATCH", started, {"state": "canceled"}).status == 200
    assert ended(server, started)["state"] == "canceled"
    assert len(server.stored()) == 1


PREFETCH = "hubcache.mirror.prefetch"


def immediate(world, hub, **more):
    """A server whose remote has that policy."""
    server = world.server(hub, **more)
    assert server.rest("PATCH", remote_of(server), {"policy": "immediate"}).status in (200, 202)
    return server


def prefetches(server):
    return server.rest("GET", f"{API}tasks/?name={PREFETCH}").json()["results"]


def prefetched(server):
    """The one task that fetched, once it is over."""
    wait_until(lambda: prefetches(server), "a task that fetches")
    task, = prefetches(server)
    return ended(server, task["pulp_href"])


def test_an_immediate_remote_has_all_of_a_commit_fetched_once(world):
    hub = world.hub()
    server = immediate(world, hub)
    assert get(server.endpoint + MODEL + "config.json").status == 200
    task = prefetched(server)
    assert task["state"] == "completed", task
    assert reports(task)["prefetch.files"] == 8 and task["created_by"] is None
    assert [report["total"] for report in task["progress_reports"]][0] == 8
    hub.forget()
    weights = get(server.endpoint + MODEL + "model.safetensors")
    assert weights.status == 200 and len(weights.body) == 20971736
    assert sha256(weights.body) == weights.headers["X-Linked-ETag"].strip('"')
    assert hub.requests() == []
    assert len(prefetches(server)) == 1


def test_what_only_a_caller_may_read_is_not_fetched(world):
    hub = world.hub()
    server = immediate(world, hub)
    gated = server.endpoint + "/org/gated/resolve/main/config.json"
    assert get(gated, {"Authorization": "Bearer hf_good"}).status == 200
    assert get(server.endpoint + MODEL + "config.json").status == 200
    prefetched(server)  # the public one alone
    assert not hub.requests(part="org/gated/resolve/main/model.safetensors")
    assert not hub.requests(host="cdn", part="gated")


def test_what_the_remotes_token_may_read_is_fetched(world):
    hub = world.hub()
    server = immediate(world, hub)
    assert server.rest("PATCH", remote_of(server), {"hf_token": "hf_good"}).status == 202
    assert get(server.endpoint + "/org/private/resolve/main/config.json").status == 200
    assert reports(prefetched(server))["prefetch.files"] == 3


def test_a_commit_of_many_pages_is_fetched(world):
    hub = world.hub()
    hub.control("repo", {"id": "org/pages", "files": [
        {"path": f"{i}.txt", "content": f"number {i}\n"} for i in range(12)]})
    hub.control("behaviour", {"tree_page": 1})
    server = immediate(world, hub)
    assert get(server.endpoint + "/org/pages/resolve/main/0.txt").status == 200
    task = prefetched(server)
    assert task["state"] == "completed" and reports(task)["prefetch.files"] >= 12, task
    hub.stop()
    for i in range(12):
        assert get(server.endpoint + f"/org/pages/resolve/main/{i}.txt").body == f"number {i}\n".encode()


def test_a_commit_that_is_too_large_is_not_fetched(world):
    hub = world.hub()
    server = immediate(world, hub, env={"HUBCACHE_CACHE_PREFETCH_MAX_SIZE": "1 MiB"})
    assert get(server.endpoint + MODEL + "config.json").status == 200
    task = prefetched(server)
    assert task["state"] == "failed" and "prefetch_max_size" in task["error"]["description"]
    assert len(server.stored()) <= 1


def held_at_its_weights(world, hub):
    """A server whose prefetch waits for the Hub's CDN; and the task."""
    hub.fault(kind="hold", host="cdn", match="model.safetensors", offset=1 << 20)
    server = immediate(world, hub)
    assert get(server.endpoint + MODEL + "config.json").status == 200
    wait_until(lambda: hub.requests(host="cdn"), "the fetch of the weights")
    task, = prefetches(server)
    assert task["state"] == "running" and task["started_at"]
    return server, task["pulp_href"]


def test_a_running_task_is_canceled(world):
    hub = world.hub()
    server, href = held_at_its_weights(world, hub)
    assert server.rest("DELETE", href).status == 409
    canceled = server.rest("PATCH", href, {"state": "canceled"})
    assert canceled.status == 200 and canceled.json()["state"] in ("canceling", "canceled")
    task = ended(server, href)
    assert task["state"] == "canceled" and task["error"]["reason"]
    assert {report["state"] for report in task["progress_reports"]} == {"canceled"}
    assert server.rest("PATCH", href, {"state": "canceled"}).status == 409
    hub.release()
    assert server.rest("DELETE", href).status == 204


def test_tasks_go_on_after_a_stop_and_after_a_crash(world):
    hub = world.hub()
    server, href = held_at_its_weights(world, hub)
    before = server.rest("GET", href).json()
    assert server.stop() == 0
    server = world.server(hub)
    wait_until(lambda: server.rest("GET", href).json()["state"] == "running", "its second start")
    server.stop(signal.SIGKILL)
    hub.clear_faults()
    server = world.server(hub)
    task = ended(server, href)
    assert task["state"] == "completed" and reports(task)["prefetch.files"] == 8
    assert task["pulp_created"] == before["pulp_created"]
    assert task["started_at"] > before["started_at"]
