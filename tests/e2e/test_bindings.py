"""Pulp's own Python bindings from PyPI, unmodified: pulpcore-client and pulp-hugging-face-client."""
import datetime
import json
import pathlib
import re

from harness import get

API = "/pulp/api/v3/"
SCRIPT = pathlib.Path(__file__).resolve().parent / "clients" / "bindings_calls.py"
TIMES = ("pulp_created", "pulp_last_updated", "unblocked_at", "started_at", "finished_at")


def bindings(world, server, what):
    done = world.client([world.venvs / "pulp-bindings" / "bin" / "python", SCRIPT, server.origin, what],
                        "")
    assert done[0] == 0, done
    return json.loads(done[1])


def with_times(fields):
    """Bindings read times and write them in their own way."""
    return {name: datetime.datetime.fromisoformat(value) if name in TIMES and value else value
            for name, value in fields.items()}


def is_all_of(server, fields):
    """Whether bindings read all that a plain request reads, and the same."""
    reply = server.rest("GET", fields["pulp_href"])
    return reply.status == 200 and with_times(reply.json()) == with_times(fields)


def check_remote(server, seen):
    made, patched, updated = seen["remote"], seen["patched"], seen["updated"]
    assert (made["name"], made["policy"], made["hf_token"], made["sock_read_timeout"]) == (
        "bound", "on_demand", "hf_bound", 2.5)
    assert made["headers"] == [{"X-Team": "blue"}] and made["pulp_labels"] == {"team": "blue"}
    assert {"name": "password", "is_set": False} in made["hidden_fields"]
    only = [1, ["bound"]]
    assert seen["remotes"] == {"name": only, "name__in": only, "label": only, "none": [0, []],
                               "page": [2, ["huggingface"]]}
    assert (patched["max_retries"], patched["hf_token"], patched["policy"]) == (7, None, "on_demand")
    assert patched["sock_read_timeout"] == 2.5 and seen["unchanged"] == patched
    assert updated["policy"] == "streamed" and updated["pulp_href"] == made["pulp_href"]
    assert seen["patch"]["result"]["max_retries"] == 7
    assert seen["put"]["result"]["policy"] == "streamed"
    assert is_all_of(server, updated)


def check_distribution(server, seen):
    made, guard, guarded = seen["distribution"], seen["guard"], seen["guarded"]
    assert seen["create"]["created_resources"] == [made["pulp_href"]]
    assert (made["name"], made["base_path"], made["content_guard"]) == ("bound", "bound", None)
    assert made["remote"] == seen["remote"]["pulp_href"] and seen["distributions"] == [1, ["bound"]]
    assert (guard["name"], guard["description"]) == ("bound", "for few")
    assert guarded["content_guard"] == guard["pulp_href"]
    assert is_all_of(server, guarded) and is_all_of(server, guard)
    assert get(server.origin + made["base_url"] + "org/model/resolve/main/config.json").status == 403


def check_tasks(server, seen):
    tasks = {task["pulp_href"]: task for task in seen["tasks"]}
    named = [seen[change] for change in ("patch", "put", "create", "guarding")]
    assert tasks == {task["pulp_href"]: task for task in named}
    for task in named:
        assert task["state"] == "completed" and task["error"] is None
        assert is_all_of(server, task)


def check_status(server, status):
    plain = server.rest("GET", API + "status/").json()
    assert {"core", "hugging_face"} <= {version["component"] for version in status["versions"]}
    assert status["versions"] == plain["versions"]
    assert status["content_settings"] == plain["content_settings"]
    assert status["database_connection"] == {"connected": True}


def test_pulps_bindings_make_change_find_and_remove(world):
    server = world.server("http://127.0.0.1:9")
    seen = bindings(world, server, "make")
    check_remote(server, seen)
    check_distribution(server, seen)
    check_tasks(server, seen)
    check_status(server, seen["status"])

    removed = bindings(world, server, "remove")
    assert removed == {"states": ["completed"] * 2, "guard": 204, "gone": [True] * 3,
                       "left": [[1, ["hf"]], [0, []], [1, ["huggingface"]]]}
    for made in ("remote", "distribution", "guard"):
        assert server.rest("GET", seen[made]["pulp_href"]).status == 404, made


def calls_of(folder):
    """Of each operation the class and the call that a package of bindings has for it."""
    calls = {}
    for file in sorted((folder / "api").glob("*_api.py")):
        kind, call = None, None
        for line in file.read_text().splitlines():
            if found := re.match(r"class (\w+)Api:", line):
                kind = found[1]
            elif found := re.match(r"    def _(\w+)_serialize\(", line):
                call = found[1]
            elif found := re.match(r"\s+method='(\w+)'", line):
                method = found[1].lower()
            elif found := re.match(r"\s+resource_path='(.+)'", line):
                calls[method, found[1]] = (kind, call)
    return calls


def test_the_document_for_bindings_makes_the_classes_and_calls_of_pulps(world):
    server = world.server("http://127.0.0.1:9")
    packages = next((world.venvs / "pulp-bindings" / "lib").glob("*/site-packages/pulpcore/client"))
    for component, package, least in (("core", "pulpcore", 60),
                                      ("hugging_face", "pulp_hugging_face", 35)):
        theirs = calls_of(packages / package)
        reply = get(f"{server.origin}{API}docs/api.json?bindings&component={component}")
        ours = {(method, path): ("".join(re.findall(r"[A-Za-z]+", operation["tags"][0])),
                                 operation["operationId"])
                for path, item in reply.json()["paths"].items() for method, operation in item.items()}
        ours.pop(("post", API + "verify/"), None)  # which Pulp has not
        assert len(ours) >= least, len(ours)
        assert {key: theirs.get(key) for key in ours} == ours
