"""The queue before the store: together where it can be, apart where one fails, and nobody waits for ever."""

import threading

import pytest
from sqlalchemy import text

from cdshooks.server.store import StoreError, open_store
from cdshooks.server.store_queue import PAUSE_SECONDS, StoreQueue

PATIENCE = 20.0


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    with opened.writing() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    yield opened
    opened.close()


def put(number):
    return lambda connection: connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})


def numbers(store):
    with store.reading() as connection:
        return list(connection.execute(text("SELECT number FROM numbers ORDER BY number")).scalars())


def test_work_is_done_and_its_result_given_back(store):
    queue = StoreQueue(lambda: store, "x")
    assert queue.run(lambda connection: connection.execute(text("SELECT 7")).scalar(), PATIENCE) == 7
    queue.run(put(1), PATIENCE)
    assert numbers(store) == [1]


def test_many_at_once_are_all_stored(store):
    queue = StoreQueue(lambda: store, "x")
    threads = [threading.Thread(target=queue.run, args=(put(n), PATIENCE)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(store) == list(range(100))


def test_one_that_fails_does_not_take_the_others_with_it(store):
    """The one that fails waits in the queue with others: all of them are tried together first."""
    queue = StoreQueue(lambda: store, "x")
    began, go_on, failed = threading.Event(), threading.Event(), []

    def hold(connection):
        began.set()
        go_on.wait(PATIENCE)

    def fail(connection):
        raise ZeroDivisionError

    def run(work):
        try:
            queue.run(work, PATIENCE)
        except ZeroDivisionError:
            failed.append(work)

    threads = [threading.Thread(target=run, args=(hold,))]
    threads[0].start()
    began.wait(PATIENCE)
    threads += [threading.Thread(target=run, args=(work,)) for work in (put(1), fail, put(2))]
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert (numbers(store), failed) == ([1, 2], [fail])
    assert queue.trouble is None


def test_a_store_that_is_down_is_told_and_left_alone_for_a_second(store):
    clock, opened, down = Clock(), [], True

    def open_it():
        opened.append(1)
        if down:
            raise StoreError("down")
        return store

    queue = StoreQueue(open_it, "x", clock)
    for _ in range(3):
        with pytest.raises(StoreError, match="down"):
            queue.run(put(1), PATIENCE)
    assert (len(opened), queue.trouble) == (1, "down")
    clock.now, down = PAUSE_SECONDS + 0.1, False
    queue.run(put(1), PATIENCE)
    assert (numbers(store), queue.trouble) == ([1], None)


def test_nobody_waits_beyond_their_patience_and_what_they_gave_up_is_not_begun(store):
    queue, clock_stands = StoreQueue(lambda: store, "x"), threading.Event()
    began = threading.Event()

    def hold(connection):
        began.set()
        clock_stands.wait(PATIENCE)

    holder = threading.Thread(target=queue.run, args=(hold, PATIENCE))
    holder.start()
    began.wait(PATIENCE)
    with pytest.raises(StoreError, match="does not answer"):
        queue.run(put(1), 0.05)
    assert queue.trouble == "the store does not answer"
    clock_stands.set()
    holder.join()
    assert numbers(store) == []


def test_a_queue_that_has_nothing_to_do_lets_the_store_rest(tmp_path):
    kept = open_store(f"sqlite:///{tmp_path}/store.db", keep=True)
    rested = threading.Event()

    class Resting:
        writing = kept.writing

        def rest(self):
            kept.rest()
            rested.set()

    queue = StoreQueue(Resting, "x")
    queue.run(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER)")), PATIENCE)
    assert rested.wait(PATIENCE)
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]
    queue.run(lambda connection: connection.execute(text("INSERT INTO t VALUES (1)")), PATIENCE)
    kept.close()
