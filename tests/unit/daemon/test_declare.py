from tests.support.clock import VirtualClock
from tests.support.store import records
from xinf.core.models import ModelIntent, ModelSpec, Override
from xinf.daemon.declare import declare_models

A, B = ModelSpec("a", engine="sim"), ModelSpec("b", engine="sim")


async def test_what_the_file_declares_is_declared_and_the_rest_is_forgotten() -> None:
    async with records(VirtualClock()) as store:
        await declare_models(store, [A, B])
        await declare_models(store, [B])
        assert await store.models.list() == {"b": ModelIntent(declared=B)}


async def test_launched_models_are_none_of_the_file_s_business() -> None:
    async with records(VirtualClock()) as store:
        await store.models.put("x", ModelIntent(launched=ModelSpec("x")))
        await declare_models(store, [A])
        assert (await store.models.list())["x"] == ModelIntent(launched=ModelSpec("x"))


async def test_an_override_outlives_the_same_file_but_not_an_edit() -> None:
    async with records(VirtualClock()) as store:
        terminated = ModelIntent(declared=A, override=Override.TERMINATE)
        await store.models.put("a", terminated)
        await declare_models(store, [A])
        assert await store.models.get("a") == terminated
        edited = ModelSpec("a", engine="sim", replicas=2)
        await declare_models(store, [edited])
        assert await store.models.get("a") == ModelIntent(declared=edited)


async def test_records_that_say_so_already_are_not_written() -> None:
    async with records(VirtualClock()) as store:
        await declare_models(store, [A, B])
        before = (await store.models.snapshot()).revision
        await declare_models(store, [B, A])
        assert (await store.models.snapshot()).revision == before
