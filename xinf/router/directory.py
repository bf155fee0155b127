"""Which model a name means: declared names first, then aliases."""

from __future__ import annotations

from collections.abc import Mapping

from xinf.core.models import ModelIntent, ModelSpec
from xinf.router.ports import Mirrored


class ModelDirectory:
    """A view of the `models/` records; reads only memory."""

    def __init__(self, models: Mirrored[ModelIntent]) -> None:
        self._models = models
        self._aliases: Mapping[str, str] = {}
        models.subscribe(self._index)
        self._index()

    def resolve(self, name_or_alias: str) -> tuple[str, ModelSpec, ModelIntent] | None:
        """The model that is called so, None if nobody ever described one."""
        items = self._models.items
        name = name_or_alias if name_or_alias in items else self._aliases.get(name_or_alias)
        intent = items.get(name) if name is not None else None
        if name is None or intent is None or intent.spec is None:
            return None
        return name, intent.spec, intent

    def names(self) -> tuple[str, ...]:
        """Every model's own name, sorted."""
        return tuple(sorted(name for name, intent in self._models.items.items() if intent.spec))

    async def synced(self) -> None:
        """Wait until the store has been read once; before, every name would look unknown."""
        await self._models.synced()

    def _index(self) -> None:
        aliases: dict[str, str] = {}
        for name, intent in sorted(self._models.items.items()):
            for alias in intent.spec.aliases if intent.spec else ():
                # Two models with one alias: the first by name keeps it, so that the answer is the
                # same after every restart.
                aliases.setdefault(alias, name)
        self._aliases = aliases
