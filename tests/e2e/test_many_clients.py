"""Many clients of the API at once: every change counts, and none fails for another's sake."""
import concurrent.futures
import threading

REMOTES = "/pulp/api/v3/remotes/hugging_face/hugging-face/"
CLIENTS = 200


def remote(name):
    return {"name": name, "url": "https://huggingface.co"}


def together(count, work):
    """Calls work(0), work(1), ... all at the same time; their results."""
    begin = threading.Barrier(count)

    def one(index):
        begin.wait(60)
        return work(index)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_200_clients_that_create_change_list_and_delete(world):
    server = world.server("http://127.0.0.1:9")

    def live(index):
        made = server.rest("POST", REMOTES, remote(f"client-{index}"))
        assert made.status == 201, made.body
        href = made.json()["pulp_href"]
        changed = server.rest("PATCH", href, {"max_retries": index})
        assert changed.status == 202, changed.body
        assert server.rest("PATCH", href, {"rate_limit": 7}).status == 202
        shown = server.rest("GET", href).json()
        assert (shown["max_retries"], shown["rate_limit"]) == (index, 7), shown
        found = server.rest("GET", f"{REMOTES}?name=client-{index}&limit=1").json()
        assert found["count"] == 1, found
        task = server.rest("GET", changed.json()["task"]).json()
        assert task["state"] == "completed", task
        if index % 2:
            assert server.rest("DELETE", href).status == 202
            assert server.rest("GET", href).status == 404
        return href

    together(CLIENTS, live)
    left = server.rest("GET", REMOTES + "?limit=1000&name__startswith=client-").json()
    assert {r["name"]: r["max_retries"] for r in left["results"]} == {
        f"client-{i}": i for i in range(0, CLIENTS, 2)}
    assert " error " not in server.text() and "locked" not in server.text()


def test_no_update_of_one_object_is_lost(world):
    server = world.server("http://127.0.0.1:9")
    href = server.rest("POST", REMOTES, remote("shared")).json()["pulp_href"]

    def label(index):
        return server.rest("POST", href + "set_label/", {"key": f"k{index}", "value": str(index)})

    assert {reply.status for reply in together(CLIENTS, label)} == {201}
    assert server.rest("GET", href).json()["pulp_labels"] == {
        f"k{i}": str(i) for i in range(CLIENTS)}


def test_of_many_that_want_one_name_one_gets_it(world):
    server = world.server("http://127.0.0.1:9")
    replies = together(CLIENTS, lambda _: server.rest("POST", REMOTES, remote("wanted")))
    assert sorted({reply.status for reply in replies}) == [201, 400]
    assert sum(reply.status == 201 for reply in replies) == 1
    refused = next(reply for reply in replies if reply.status == 400)
    assert refused.json() == {"name": ["This field must be unique."]}
