"""Types as JSON Schema: what a function takes and gives, for the description of the API."""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

from firmware.typed_values import annotations

Schema = dict[str, Any]

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}


@dataclass(frozen=True, slots=True)
class Schemas:
    """Schemas of dataclasses, by their names, gathered while others refer to them."""

    by_name: dict[str, Schema] = field(default_factory=dict)

    def of(self, kind: Any) -> Schema:
        """The schema of a type; a dataclass is referred to by its name."""
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if origin in (types.UnionType, typing.Union):
            return {"anyOf": [self.of(one) for one in inner]}
        if origin is typing.Literal:
            return {"type": "string", "enum": list(inner)}
        if origin in (list, tuple, Sequence):
            return {"type": "array", "items": self.of(inner[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        return self._reference(kind)

    def properties(self, kind: type) -> dict[str, Schema]:
        """The schemas of the fields of a dataclass, by the names that JSON has for them."""
        hints = annotations(kind)
        return {one.name.rstrip("_"): _with_default(self.of(hints[one.name]), one.default) for one in fields(kind)}

    def _reference(self, kind: Any) -> Schema:
        """One that says by itself how it is written (`json`) is an object, and its documentation says which."""
        name = str(kind.__name__)
        if name not in self.by_name:
            about = " ".join((kind.__doc__ or "").split())
            self.by_name[name] = {"type": "object", "description": about}
            if is_dataclass(kind) and not hasattr(kind, "json"):
                self.by_name[name] |= self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: Any) -> Schema:
        required = [
            one.name.rstrip("_") for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING
        ]
        return {
            "properties": self.properties(kind),
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }


def _with_default(schema: Schema, default: Any) -> Schema:
    return {**schema, "default": default} if isinstance(default, str | int | bool) else schema
