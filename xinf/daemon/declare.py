"""Config to store: what the file declares becomes intent, and only that part of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xinf.core.models import ModelIntent, ModelSpec, declare
from xinf.meta.records import Records


async def declare_models(records: Records, specs: Iterable[ModelSpec]) -> None:
    """Make the declared part of every model equal to `specs`; launches and overrides stay.

    Records that say so already are not written.
    """
    declared = {spec.name: spec for spec in specs}
    standing = await records.models.list()
    for name in sorted({*standing, *declared}):
        spec = declared.get(name)
        if name in standing and standing[name].declared == spec:
            continue

        def say(before: ModelIntent | None, spec: ModelSpec | None = spec) -> ModelIntent | None:
            after = declare(before or ModelIntent(), spec)
            return None if after.is_empty else after

        await records.models.update(name, say)


def with_declared(
    standing: Mapping[str, ModelIntent], specs: Iterable[ModelSpec]
) -> dict[str, ModelIntent]:
    """What `declare_models` would make of `standing`; writes nothing."""
    declared = {spec.name: spec for spec in specs}
    after = {
        name: declare(standing.get(name, ModelIntent()), declared.get(name))
        for name in {*standing, *declared}
    }
    return {name: intent for name, intent in after.items() if not intent.is_empty}
