"""The mechanisms that move a platform, and the order in which they change their stocks."""

from allocator.dynamics.mechanism import Mechanism
from allocator.dynamics.mechanisms.arrivals import Arrivals
from allocator.dynamics.mechanisms.defection import Defection
from allocator.dynamics.mechanisms.flywheel import Flywheel
from allocator.dynamics.mechanisms.herding import Herding
from allocator.dynamics.mechanisms.newcomers import Newcomers
from allocator.dynamics.mechanisms.promotion import Promotion
from allocator.dynamics.mechanisms.starvation import Starvation

ORDER: tuple[type[Mechanism], ...] = (Flywheel, Herding, Promotion, Newcomers, Starvation, Defection, Arrivals)
"""First what traffic leaves behind (fans, crowds, money), then who stays: newcomers, the starved, heads; at last
who comes."""

__all__ = ["ORDER", "Arrivals", "Defection", "Flywheel", "Herding", "Newcomers", "Promotion", "Starvation"]
