"""A title: how commands, files and messages name a service and its instance, such as `haproxy` or `network.eth0`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Title:
    """The name of a service and that of its instance; "" for a service without instances."""

    service: str
    instance: str = ""

    @classmethod
    def parse(cls, text: str) -> "Title":
        """The title that `text` writes. What follows the first dot is the instance, further dots included."""
        service, _, instance = text.partition(".")
        return cls(service, instance)

    def __str__(self) -> str:
        return f"{self.service}.{self.instance}" if self.instance else self.service
