"""Plans for several periods, where they are convex programmes."""

from allocator.dynamics.planning.planner import Plan, Planner

__all__ = ["Plan", "Planner"]
