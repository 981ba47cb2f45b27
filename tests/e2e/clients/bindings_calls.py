"""Pulp's own Python bindings, as they come, make, change and find objects, or find and remove them.

    bindings_calls.py BASE_URL make|remove

Prints what the bindings read, whole objects as they have them.
"""
import json
import sys

from pulpcore.client import pulp_hugging_face as plugin
from pulpcore.client import pulpcore as core

SETTINGS = {"host": sys.argv[1], "username": "admin", "password": "password"}
CORE = core.ApiClient(core.Configuration(**SETTINGS))
PLUGIN = plugin.ApiClient(plugin.Configuration(**SETTINGS))
REMOTES = plugin.RemotesHuggingFaceApi(PLUGIN)
DISTRIBUTIONS = plugin.DistributionsHuggingFaceApi(PLUGIN)
GUARDS = core.ContentguardsRbacApi(CORE)
TASKS = core.TasksApi(CORE)


def fields(model):
    return model.model_dump(mode="json")


def task_of(answer):
    """The task that a 202 names, read by its href."""
    assert answer.status_code == 202, answer
    return TASKS.read(answer.data.task)


def found(kind, **filters):
    page = kind.list(**filters)
    return [page.count, [item.name for item in page.results]]


def make_remote(seen):
    href = REMOTES.create(plugin.HuggingFaceHuggingFaceRemote(
        name="bound", url="https://hub.example", hf_token="hf_bound", sock_read_timeout=2.5,
        headers=[{"X-Team": "blue"}], pulp_labels={"team": "blue"})).pulp_href
    seen["remote"] = fields(REMOTES.read(href))
    seen["remotes"] = {
        "name": found(REMOTES, name="bound"),
        "name__in": found(REMOTES, name__in=["bound", "other"]),
        "label": found(REMOTES, pulp_label_select="team=blue"),
        "none": found(REMOTES, name="other"),
        "page": found(REMOTES, ordering=["-name"], limit=1),
    }
    change = plugin.PatchedhuggingFaceHuggingFaceRemote(max_retries=7, hf_token=None)
    seen["patch"] = fields(task_of(REMOTES.partial_update_with_http_info(href, change)))
    seen["patched"] = fields(REMOTES.read(href))
    seen["unchanged"] = fields(REMOTES.partial_update(href, change))
    whole = plugin.HuggingFaceHuggingFaceRemote(name="bound", url="https://hub.example",
                                                policy="streamed")
    seen["put"] = fields(task_of(REMOTES.update_with_http_info(href, whole)))
    seen["updated"] = fields(REMOTES.read(href))
    return href


def make_distribution(seen, remote):
    task = task_of(DISTRIBUTIONS.create_with_http_info(plugin.HuggingFaceHuggingFaceDistribution(
        name="bound", base_path="bound", remote=remote)))
    seen["create"] = fields(task)
    href, = task.created_resources
    seen["distribution"] = fields(DISTRIBUTIONS.read(href))
    seen["distributions"] = found(DISTRIBUTIONS, base_path="bound")
    return href


def make_guard(seen, distribution):
    guard = GUARDS.create(core.RBACContentGuard(name="bound", description="for few")).pulp_href
    seen["guard"] = fields(GUARDS.read(guard))
    change = plugin.PatchedhuggingFaceHuggingFaceDistribution(content_guard=guard)
    seen["guarding"] = fields(task_of(
        DISTRIBUTIONS.partial_update_with_http_info(distribution, change)))
    seen["guarded"] = fields(DISTRIBUTIONS.read(distribution))


def make():
    seen = {}
    make_guard(seen, make_distribution(seen, make_remote(seen)))
    seen["tasks"] = [fields(task) for task in TASKS.list(state="completed").results]
    seen["status"] = fields(core.StatusApi(CORE).status_read())
    return seen


def is_gone(kind, href):
    try:
        kind.read(href)
    except (core.exceptions.NotFoundException, plugin.exceptions.NotFoundException):
        return True
    return False


def remove():
    hrefs = {kind: kind.list(name="bound").results[0].pulp_href
             for kind in (DISTRIBUTIONS, GUARDS, REMOTES)}
    tasks = [task_of(kind.delete_with_http_info(hrefs[kind])) for kind in (DISTRIBUTIONS, REMOTES)]
    guard = GUARDS.delete_with_http_info(hrefs[GUARDS]).status_code
    return {"states": [task.state for task in tasks], "guard": guard,
            "gone": [is_gone(kind, href) for kind, href in hrefs.items()],
            "left": [found(kind) for kind in hrefs]}


print(json.dumps({"make": make, "remove": remove}[sys.argv[2]]()))
