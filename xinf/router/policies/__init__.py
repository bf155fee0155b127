"""The policies by the name that `router.policy` gives them. Each is one small pure class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xinf.router.pick import Policy
from xinf.router.policies.least_connections import LeastConnections

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {policy.name: policy for policy in (LeastConnections(),)}
)
