"""Fair and profitable distribution of a live-commerce platform's traffic to its anchors, with certificates."""

from allocator import metrics
from allocator.graph import Platform
from allocator.networks import from_networkx, to_networkx

__all__ = ["Platform", "from_networkx", "metrics", "to_networkx"]
__version__ = "0.1.0"
