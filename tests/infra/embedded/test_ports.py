"""Ports are free ones, each given once."""

import socket

from infra.embedded.ports import HOST, Ports, is_free


def test_the_usual_port_is_taken_where_it_is_free() -> None:
    usual = Ports(usual=False).take(0)

    assert Ports().take(usual) == usual


def test_another_port_is_taken_where_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        usual = listener.getsockname()[1]

        taken = Ports().take(usual)

    assert taken != usual
    assert is_free(taken)


def test_no_port_is_given_twice() -> None:
    ports = Ports()
    usual = Ports(usual=False).take(0)

    assert ports.take(usual) != ports.take(usual)


def test_a_stack_beside_another_leaves_the_usual_port_alone() -> None:
    usual = Ports(usual=False).take(0)

    assert Ports(usual=False).take(usual) != usual
