"""How many tries run at once: so many at one receiver and for one tenant, and none holds up the others."""

from collections import Counter
from collections.abc import Callable, Collection


class Places:
    """The tries of this worker."""

    def __init__(self, per_receiver: int, per_tenant: int) -> None:
        self.on_free: Callable[[], None] | None = None
        """Is called when there is room again where there was none."""
        self._per_receiver = per_receiver
        self._per_tenant = per_tenant
        self._receivers: Counter[str] = Counter()
        self._tenants: Counter[str] = Counter()

    @property
    def busy_receivers(self) -> Collection[str]:
        """Those at which no other try may begin."""
        return [name for name, count in self._receivers.items() if count >= self._per_receiver]

    @property
    def busy_tenants(self) -> Collection[str]:
        """Those for whom no other try may begin."""
        return [name for name, count in self._tenants.items() if count >= self._per_tenant]

    def take(self, receiver: str, tenant: str) -> bool:
        """Begin a try; whether there is room for it."""
        if self._is_full(receiver, tenant):
            return False
        self._receivers[receiver] += 1
        self._tenants[tenant] += 1
        return True

    def free(self, receiver: str, tenant: str) -> None:
        """A try has ended."""
        was_full = self._is_full(receiver, tenant)
        for counter, name in ((self._receivers, receiver), (self._tenants, tenant)):
            counter[name] -= 1
            if not counter[name]:
                del counter[name]
        if was_full and self.on_free is not None:
            self.on_free()

    def _is_full(self, receiver: str, tenant: str) -> bool:
        return self._receivers[receiver] >= self._per_receiver or self._tenants[tenant] >= self._per_tenant
