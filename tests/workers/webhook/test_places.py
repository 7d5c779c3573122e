"""Room for tries."""

from workers.webhook.places import Places


def test_a_receiver_has_so_many_places_and_no_more() -> None:
    places = Places(per_receiver=2, per_tenant=10)

    assert [places.take("a", "t") for _ in range(3)] == [True, True, False]
    assert places.take("b", "t")
    assert (list(places.busy_receivers), list(places.busy_tenants)) == (["a"], [])


def test_a_tenant_with_many_receivers_has_no_more_than_its_own() -> None:
    places = Places(per_receiver=2, per_tenant=3)

    assert [places.take(name, "t") for name in "abcd"] == [True, True, True, False]
    assert places.take("a", "other")
    assert list(places.busy_tenants) == ["t"]


def test_who_waits_is_told_of_a_place_that_is_free_again() -> None:
    places, told = Places(per_receiver=1, per_tenant=2), list[bool]()
    places.on_free = lambda: told.append(True)
    places.take("a", "t")

    places.free("a", "t")

    assert told == [True]
    assert places.take("a", "t")
