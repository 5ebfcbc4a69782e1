"""The mechanisms that move a platform, and the order in which they change their stocks."""

from allocator.dynamics.mechanism import Mechanism
from allocator.dynamics.mechanisms.arrivals import Arrivals
from allocator.dynamics.mechanisms.defection import Defection
from allocator.dynamics.mechanisms.events import Events
from allocator.dynamics.mechanisms.flywheel import Flywheel
from allocator.dynamics.mechanisms.growth import Growth
from allocator.dynamics.mechanisms.herding import Herding
from allocator.dynamics.mechanisms.newcomers import Newcomers
from allocator.dynamics.mechanisms.products import Products
from allocator.dynamics.mechanisms.promotion import Promotion
from allocator.dynamics.mechanisms.sessions import Sessions
from allocator.dynamics.mechanisms.short_video import ShortVideo
from allocator.dynamics.mechanisms.starvation import Starvation
from allocator.dynamics.mechanisms.subsidies import Subsidies
from allocator.dynamics.mechanisms.trust import Trust

ORDER: tuple[type[Mechanism], ...] = (
    Flywheel,
    Subsidies,
    Products,
    Herding,
    ShortVideo,
    Trust,
    Sessions,
    Promotion,
    Newcomers,
    Starvation,
    Defection,
    Growth,
    Events,
    Arrivals,
)
"""First what traffic leaves behind (fans, crowds, fame, trust, money), then who stays: newcomers, the starved, heads;
at last how much traffic there will be, and who comes."""

__all__ = [
    "ORDER",
    "Arrivals",
    "Defection",
    "Events",
    "Flywheel",
    "Growth",
    "Herding",
    "Newcomers",
    "Products",
    "Promotion",
    "Sessions",
    "ShortVideo",
    "Starvation",
    "Subsidies",
    "Trust",
]
