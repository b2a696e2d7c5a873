"""Who gets a place: everybody, and whoever holds many pays for it."""

from firmware.http11.admission import Admission


class Server:
    """Connections named by whoever made them, and those that had to give way."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self.admission = Admission(most, most_of_one)
        self.ended: list[str] = []
        self.places = {}

    def connect(self, *names: str) -> None:
        for name in names:
            self.places[name] = self.admission.admit(name[0], lambda name=name: self.ended.append(name))


def test_of_one_address_the_oldest_gives_way() -> None:
    server = Server(10, 3)
    server.connect("b1", "a1", "a2", "a3", "b2", "a4", "a5")
    assert server.ended == ["a1", "a2"]


def test_if_all_are_held_the_oldest_of_who_holds_most_gives_way() -> None:
    server = Server(4, 3)
    server.connect("a1", "b1", "b2", "c1", "d1", "e1", "f1")
    assert server.ended == ["b1", "a1", "b2"], "of those who hold as many, the oldest"


def test_a_place_that_is_released_is_free_and_is_released_once() -> None:
    server = Server(2, 2)
    server.connect("a1", "b1")
    for _ in range(2):
        server.admission.release(server.places["a1"])
    server.connect("a2")
    assert server.ended == []
    server.connect("a3")
    assert server.ended == ["b1"]
    server.admission.release(server.places["b1"])
    server.connect("c1")
    assert server.ended == ["b1", "a2"], "one that has lost its place leaves no room behind"
