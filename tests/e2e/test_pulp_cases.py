"""Requests that were played to a real Pulp, played to hubcache: one test a topic.

They are in tests/contract/pulp, with the replies and a player.
"""
import json
import pathlib

from harness import command

# How many cases each topic has.
TOPICS = {"01_seed_flow": 23, "02_remote_crud": 49, "03_remote_validation": 148,
          "04_distribution_crud": 41, "05_distribution_validation": 78, "06_remote_lists": 92,
          "07_distribution_lists": 32, "08_labels": 24, "09_tasks": 56, "10_status_root": 30,
          "11_protocol": 65, "12_repositories": 50, "13_content": 22, "14_content_guards": 65,
          "15_users_rbac": 32, "16_operators": 62, "17_generic_lists": 31, "18_content_app": 30,
          "19_openapi": 66}


def cases(topic, *names):
    return {f"{topic}/{name}" for name in names}


# They expect what a case before them left behind, and that case is not in the sample.
IMPOSSIBLE = cases("11_protocol", "json28")

# They play on accounts and uploads made by REST, which OUT_OF_SCOPE.md lets be missing; of these
# user-crud.9 and .11 must fail: downloaders see nothing of REST (SECURITY 11).
OUT_OF_SCOPE = cases(
    "15_users_rbac", "user-crud.2", "user-crud.9", "user-crud.11", "user-crud.12", "user-crud.13"
) | cases(
    "16_operators", "uploads.3", "uploads.7", "uploads.8", "uploads.9", "uploads.10", "uploads.11")

KNOWN = IMPOSSIBLE | OUT_OF_SCOPE

# Whom the cases make by REST, and here the command line does.
ACCOUNTS, PASSWORD = ("kc0de5eedu", "kc0de5eedd"), "Complicated9Pass"

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE.parent / "contract" / "pulp"


def play(world, topic):
    # The player is a proxy in front: what it forwards is believed.
    server = world.server("http://127.0.0.1:9", env={"HUBCACHE_SERVER_TRUSTED_PROXIES": "127.0.0.1"})
    for account in ACCOUNTS:
        command(world, server, "user", "add", account, typed=PASSWORD + "\n")
    played = world.run(world.venvs / "pulp-cases/bin/python", HERE / "pulp_player.py",
                       CASES, server.origin, topic)
    result = json.loads(played.stdout)
    failed = set(result["failed"])
    wrong = {case: result["failed"][case] for case in sorted(failed - KNOWN)}
    assert not wrong, json.dumps(wrong, indent=1)
    unexpected = {case for case in KNOWN - failed if case.startswith(topic)}
    assert not unexpected, f"these pass, so they are no longer to be excused: {unexpected}"
    assert result["passed"] + len(failed) == TOPICS[topic]


def test_every_case_of_the_sample_is_played(world):
    recorded = {file.stem: len(json.loads(file.read_text())["steps"])
                for file in (CASES / "golden").glob("*.json")}
    assert recorded == TOPICS and sum(TOPICS.values()) == 996


def of(topic):
    return lambda world: play(world, topic)


globals().update({f"test_{topic}": of(topic) for topic in TOPICS})
