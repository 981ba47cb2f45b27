"""Plays one topic of the recorded Pulp cases; prints {"passed": n, "failed": {case: differences}}.

    pulp_player.py FOLDER BASE_URL TOPIC

FOLDER holds cases, golden replies and kitlib, the player that comes with them. Needs `requests`.
"""
import json
import pathlib
import sys

RUN = "kc0de5eed"  # begins the names of what it makes: not random, so that no name matches by chance


def main():
    folder, base, topic = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.path.insert(0, str(folder))
    import kitlib

    deviations = json.loads((folder / "deviations.json").read_text())
    golden = json.loads((folder / "golden" / f"{topic}.json").read_text())["steps"]
    case, = kitlib.load_cases(folder / "cases", [topic])
    hub = kitlib.MiniHub()
    player = kitlib.Player(base, hub=hub, run=RUN)
    results, trouble = kitlib.run_topic(player, case)
    hub.close()
    passed, failed = 0, {text: ["setup"] for text in trouble}
    for step in (step for scenario in case["scenarios"] for step in scenario["steps"]):
        if step["id"] not in golden:
            continue
        result = results.get(step["id"], {"skipped": "not played"})
        good, differences, _ = kitlib.judge(step, golden[step["id"]], result, deviations)
        passed += good
        if not good:
            failed[step["id"]] = differences
    print(json.dumps({"passed": passed, "failed": failed}))


if __name__ == "__main__":
    main()
