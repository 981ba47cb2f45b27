"""pulp-cli and pulp-glue from PyPI, unmodified, with the document that we serve."""
import json
import os
import pathlib

from harness import wait_until
from test_tasks import held_at_its_weights

HERE = pathlib.Path(__file__).resolve().parent


def run(world, command, code=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PULP", "XDG_"))}
    done = world.client([world.venvs / "pulp-cli" / "bin" / command[0], *command[1:]], "",
                        env={"HOME": str(world.folder), "PATH": env["PATH"]})
    assert done[0] == code, (command, done)
    return done[1]


def pulp_command(server, *arguments):
    return ["pulp", "--base-url", server.origin, "--username", "admin", "--password", "password",
            "--format", "json", *arguments]


def pulp(world, server, *arguments):
    """What `pulp` prints, as JSON."""
    return json.loads(run(world, pulp_command(server, *arguments)))


def test_pulp_cli_reads_everything_that_it_lists(world):
    server = world.server("http://127.0.0.1:9")
    status = pulp(world, server, "status")
    assert {"core", "hugging_face"} <= {v["component"] for v in status["versions"]}
    remotes = pulp(world, server, "remote", "list")
    assert [r["name"] for r in remotes] == ["huggingface"]
    distributions = pulp(world, server, "distribution", "list")
    assert [d["base_path"] for d in distributions] == ["hf"]
    shown = pulp(world, server, "show", "--href", remotes[0]["pulp_href"])
    assert (shown["name"], shown["policy"]) == ("huggingface", "on_demand")
    for kind in ("repository", "publication", "content", "content-guard", "artifact", "task",
                 "task-group", "worker", "user", "group", "role"):
        assert isinstance(pulp(world, server, kind, "list"), list), kind


def test_pulp_cli_shows_the_tasks_that_changes_were(world):
    server = world.server("http://127.0.0.1:9")
    assert pulp(world, server, "task", "list") == []
    remote = pulp(world, server, "remote", "list")[0]["pulp_href"]
    changed = server.rest("PATCH", remote, {"max_retries": 2}).json()
    listed, = pulp(world, server, "task", "list", "--state", "completed")
    assert listed["pulp_href"] == changed["task"] and listed["error"] is None
    shown = pulp(world, server, "task", "show", "--href", changed["task"])
    assert shown["name"].endswith(".ageneral_update") and shown["result"]["max_retries"] == 2
    assert pulp(world, server, "task", "list", "--state", "failed") == []


def test_pulp_cli_cleans_up_orphans(world):
    server = world.server("http://127.0.0.1:9")
    run(world, pulp_command(server, "orphan", "cleanup", "--protection-time", "0"))
    task, = pulp(world, server, "task", "list", "--name", "pulpcore.app.tasks.orphan.orphan_cleanup")
    assert task["state"] == "completed"
    codes = {report["code"] for report in task["progress_reports"]}
    assert codes == {"clean-up.content", "clean-up.artifacts"}


def test_pulp_cli_cancels_a_task(world):
    hub = world.hub()
    server, href = held_at_its_weights(world, hub)
    run(world, pulp_command(server, "task", "cancel", "--href", href))
    wait_until(lambda: pulp(world, server, "task", "show", "--href", href)["state"] == "canceled",
               "the end of the task")
    assert [task["pulp_href"] for task in pulp(world, server, "task", "list", "--state", "canceled")
            ] == [href]


def test_pulp_glue_makes_changes_finds_and_removes(world):
    server = world.server("http://127.0.0.1:9")
    seen = json.loads(run(world, ["python", HERE / "clients" / "glue_calls.py", server.origin]))
    found = seen["found"]
    assert (found["policy"], found["max_retries"], found["hf_token"]) == ("streamed", 7, "hf_glue")
    assert found["pulp_labels"] == {"team": "blue"}
    assert seen["remotes"] == ["glue", "huggingface"] and seen["distributions"] == ["glue", "hf"]
    assert seen["base_path"] == "glue" and seen["tasks"] > 0
    assert seen["left"] == ["huggingface", "hf"]
