"""From a model's files to facts: config.json, and the headers of its weights. Blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from xinf.core.errors import ErrorCode, XinfError
from xinf.core.facts import ModelFacts, Sizes, Weights
from xinf.registry.anatomy import Anatomy, read_anatomy
from xinf.registry.cache_groups import cache_groups
from xinf.registry.config_json import CONFIG_BYTES_MAX, Table, Unreadable, parse_config
from xinf.registry.counted import Counted, count_weights
from xinf.registry.gguf import read_gguf
from xinf.registry.gguf_facts import gguf_facts
from xinf.registry.layers import Layer
from xinf.registry.local import LocalModel
from xinf.registry.quantization import read_scheme
from xinf.registry.safetensors import Stored, read_header
from xinf.registry.tensors import compute_weights

FILES_MAX = 4096


def examine(model: LocalModel, source: str) -> ModelFacts:
    """What the files of `model` say. Raises XinfError SOURCE_INVALID, which names the file."""
    path = model.path
    try:
        if model.format == "gguf":
            with path.open("rb") as file:
                header = read_gguf(file, path.stat().st_size)
            return gguf_facts(header, source, model.revision)
        folder = path if path.is_dir() else path.parent
        path = folder / "config.json"
        config = _read_config(path)
        weights = sorted(model.path.glob("*.safetensors")) if model.path.is_dir() else [model.path]
        headers: dict[str, Stored] = {}
        for path in weights[:FILES_MAX]:
            with path.open("rb") as file:
                headers.update(read_header(file, path.stat().st_size))
        return facts_from(config, headers, ModelFacts(source, model.revision, model.format))
    except (Unreadable, OSError) as error:
        raise unreadable(source, path.name, error) from error


def unreadable(source: str, name: str, error: Exception) -> XinfError:
    """The file `name` of `source` cannot be made sense of."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return XinfError(
        ErrorCode.SOURCE_INVALID,
        thing=f"source {source!r}",
        cause=f"{name} cannot be read: {why}",
        next_step="Fetch the file again, or correct the model's `source`",
    )


def facts_from(config: Table, headers: Mapping[str, Stored], known: ModelFacts) -> ModelFacts:
    """`known` with all that `config` and `headers` tell; without headers weights are computed.

    Raises Unreadable.
    """
    anatomy, scheme = read_anatomy(config), read_scheme(config)
    computed = compute_weights(anatomy, scheme)
    counted = (
        count_weights(headers, len(anatomy.layers), is_tied=anatomy.is_tied)
        if headers
        else Counted(computed.parameters, computed.weights, computed.vision, Weights())
    )
    return ModelFacts(
        source=known.source,
        revision=known.revision,
        format=known.format,
        architecture=anatomy.architecture or anatomy.kind,
        dtype=anatomy.dtype or _stored_dtype(headers.values()),
        quantization=scheme.name if scheme else "none",
        parameters=counted.parameters or computed.parameters,
        weights=counted.weights,
        vision=counted.vision,
        drafts=counted.drafts,
        cache=cache_groups(anatomy),
        sizes=_sizes(anatomy),
        context_max=anatomy.context_max,
        traits=tuple(_traits(anatomy)),
        is_exact=bool(headers),
    )


def _read_config(path: Path) -> Table:
    with path.open("rb") as file:
        return parse_config(file.read(CONFIG_BYTES_MAX + 1))


_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def _stored_dtype(stored: Iterable[Stored]) -> str:
    """The format that most numbers are stored in, "" where that is none to compute in."""
    sums: dict[str, int] = {}
    for each in stored:
        sums[each.dtype] = sums.get(each.dtype, 0) + each.numbers
    return _DTYPES.get(max(sums, key=lambda name: sums[name]), "") if sums else ""


def _sizes(anatomy: Anatomy) -> Sizes:
    experts, vision, latent = anatomy.experts, anatomy.vision, anatomy.latent
    head = latent.nope + latent.rope if latent else anatomy.head_dim
    is_all_sparse = experts is not None and all(
        experts.are_in(number) for number in range(len(anatomy.layers))
    )
    return Sizes(
        layers=len(anatomy.layers),
        hidden=anatomy.hidden,
        heads=anatomy.heads,
        query=anatomy.heads * head,
        key_value=2 * (anatomy.heads if latent else anatomy.kv_heads) * head,
        intermediate=0 if is_all_sparse else anatomy.intermediate,
        vocab=anatomy.vocab,
        experts=experts.count if experts else 0,
        experts_used=experts.used if experts else 0,
        expert_intermediate=experts.intermediate if experts else 0,
        vision_width=vision.hidden if vision else 0,
        vision_tokens=vision.tokens if vision else 0,
    )


def _traits(anatomy: Anatomy) -> Iterable[str]:
    """What rules ask for, see `core.workload`."""
    found = {
        "moe": anatomy.experts is not None,
        "mla": anatomy.latent is not None,
        "sinks": anatomy.kind == "gpt_oss",
        "embed": anatomy.is_encoder,
        "hybrid": any(layer in (Layer.STATE, Layer.BOTH) for layer in anatomy.layers),
        "vision": anatomy.vision is not None,
    }
    return (name for name, is_so in found.items() if is_so)
