"""Requests that were played to a real Pulp, played to hubcache: one test a topic.

The folder of the cases is named on the command line (tests/e2e/run); a missing one is a failure.
"""
import json
import pathlib

TOPICS = ("01_seed_flow", "02_remote_crud", "03_remote_validation",
          "04_distribution_crud", "06_remote_lists",
          "11_protocol")

# They expect what a case before them left behind, and that case is not in the sample.
IMPOSSIBLE = {"11_protocol/json28"}

HERE = pathlib.Path(__file__).resolve().parent


def play(world, topic):
    assert (world.pulp_cases / "cases").is_dir(), \
        f"no Pulp cases in {world.pulp_cases}: name their folder with --pulp-cases"
    # The player is a proxy in front: what it forwards is believed.
    server = world.server("http://127.0.0.1:9", env={"HUBCACHE_SERVER_TRUSTED_PROXIES": "127.0.0.1"})
    played = world.run(world.venvs / "pulp-cases/bin/python", HERE / "pulp_player.py",
                       world.pulp_cases, server.origin, topic)
    result = json.loads(played.stdout)
    failed = set(result["failed"])
    wrong = {case: result["failed"][case] for case in sorted(failed - IMPOSSIBLE)}
    assert not wrong, json.dumps(wrong, indent=1)
    unexpected = {case for case in IMPOSSIBLE - failed if case.startswith(topic)}
    assert not unexpected, f"these are possible after all: {unexpected}"
    assert result["passed"] > 0


def of(topic):
    return lambda world: play(world, topic)


globals().update({f"test_{topic}": of(topic) for topic in TOPICS})
