"""The generated messages under the one name by which both sides know them: `pb`."""

from __future__ import annotations

from xinf.protocol import engine_service_pb2 as pb

__all__ = ["pb"]
