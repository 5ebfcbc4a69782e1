"""When does a crowd lock in one room of many equal ones, and what does it take to prevent or to undo that?

n equal rooms share the viewers of one segment. A part eps of them is guided evenly; of the others a part h goes where
the crowd of the last round was, in proportion to p^eta, the rest spreads evenly ("most audiences prefer live-streaming
rooms with high traffic", s2). With q = p^eta / sum p^eta the shares of the next round are

    p' = (1 - eps)[(1 - h) / n + h q] + eps / n.

Simulated is a world of `Herding` under `Even(eps)`; lines are closed forms, derived here:

- Near p = 1/n a deviation d with sum 0 becomes (1 - eps) h eta d, since q = 1/n + eta d to first order. So the even
  split is stable iff (1 - eps) h eta < 1, and the even share needed is eps* = 1 - 1 / (h eta) (T4).
- With one room at x and the others alike, H = (1 - eps) h and s = (x - (1 - H) / n) / H, a round changes nothing iff
  s / (1 - s) = (n - 1)^(eta - 1) (x / (1 - x))^eta. That gives eta for every x at fixed H,
  eta = (log s/(1 - s) + log(n - 1)) / (log x/(1 - x) + log(n - 1)), and at fixed eta
  H = (x - 1/n) / (q(x) - 1/n). The least eta over x is the fold below which no head survives (F23), the least H over x
  gives the even share that dissolves a head, eps = 1 - H / h. The next x grows with x, so that the unstable state
  between is exactly what divides the starts that end even from those that end with a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, percent, pick, run, stream
from allocator.dynamics import Even, Herding, World, simulate
from allocator.dynamics.closed_forms import even_share_at, even_share_to_dissolve
from allocator.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE

FloatArray = NDArray[np.float64]
ROOMS = (5, 20, 100)
HALF, STRONG, ETA = 0.5, 0.8, 1.6
"""h of the loops (at h = .8 and n = 5 one is only .033 wide), and h and eta of the even shares: assumptions."""
TINY = 1e-6
"""What the first room has above an even share at a near-even start, in shares of all viewers."""
STILL, CHUNK, LONGEST = 1e-7, 100, 30_000
"""A run has settled where no share moves by more in so many rounds; it ends after the longest time in any case."""
LEAD = 0.01
"""A room that leads by no more is no head."""
STEPS = {"full": 0.02, "quick": 0.05}
FINE = {"full": 1e-4, "quick": 5e-4}
"""Bisections end at this width."""
GRIDS = {"full": (37, 41), "quick": (13, 11)}
"""Cells of the basins: starts, even shares."""
STRENGTHS = {"full": (1.1, 1.15, 1.2, 1.3, 1.4, 1.5, ETA, 1.75, 1.9), "quick": (1.2, ETA)}
"""eta at which even shares are needed."""
PUBLISHED = {(HALF, 5): 0.903, (HALF, 20): 0.743, (HALF, 100): 0.646}
PUBLISHED |= {(STRONG, 5): 0.967, (STRONG, 20): 0.908, (STRONG, 100): 0.868}
"""h eta down to which a head survives (F23)."""
FOLDS = {"full": tuple(PUBLISHED), "quick": (*((HALF, rooms) for rooms in ROOMS), (STRONG, 20))}
"""h and rooms of the folds that are looked for."""
PAIR = (0.9, 0.98, 1.02, 1.1)
"""h eta of two rooms: they have no loop."""
KEPT = {0.2288: 0.579, 0.2688: 0.536}
"""Even shares that leave a head of 20 rooms, and what it keeps (T4)."""
LOOKS = dict(zip(ROOMS, ((ORANGE, "s"), (BLUE, "o"), (PURPLE, "^")), strict=True))
COLUMNS = ("panel", "rooms", "share", "strength", "product", "even", "direction", "start", "top", "growth", "fold")
COLUMNS += ("prevention", "cure", "rounds")


# What is measured.


def played(starts: FloatArray, herding: Herding, even: float, rounds: int) -> FloatArray:
    """Shares (k, n) after some rounds from starts (k, n): k stars side by side, of which none sees another, because
    only ratios of shares within a segment count. Nothing is left to chance.
    """
    stars, rooms = starts.shape
    everyone = np.arange(stars * rooms, dtype=np.int32)
    platform = al.Platform(np.arange(stars + 1) * rooms, everyone, np.ones(everyone.size), np.ones(stars))
    world = World(platform, (herding,), {"popularity": starts.ravel()})
    final = simulate(world, Even(even), periods=rounds, rng=stream(0, "no chance")).final
    return final["exposure"].reshape(starts.shape)


def settled(starts: FloatArray, herding: Herding, even: float = 0.0, *, lead: float = 0.0) -> tuple[FloatArray, int]:
    """Shares (k, n) where they no longer move, or nobody leads by more than that, and after how many rounds."""
    shares, rounds = starts, 0
    while rounds < LONGEST:
        before, shares = shares, played(shares, herding, even, CHUNK)
        rounds += CHUNK
        if abs(shares - before).max() <= STILL or shares.max() <= 1.0 / shares.shape[1] + lead:
            break
    return shares, rounds


def start(rooms: int, excess: float) -> FloatArray:
    """Rooms (1, n) of which the first has some more than an even share of all viewers; 1 - 1/n: it has all of them."""
    shares = np.full((1, rooms), (1.0 - 1.0 / rooms - excess) / (rooms - 1))
    shares[0, 0] = 1.0 / rooms + excess
    return np.maximum(shares, 0.0)


def growth(rooms: int, seed: int) -> list[Row]:
    """By how much a deviation from the even split grows in one simulated round, by central differences."""
    rows = []
    for share, even in ((HALF, 0.0), (STRONG, 0.0), (STRONG, 0.2)):
        for strength in (0.8, 1.0, 1.2, 1.4, 1.6, 2.0):
            way = stream(seed, f"direction {rooms}").standard_normal(rooms)
            way = TINY / rooms * (way - way.mean()) / abs(way).max()
            ends = played(1.0 / rooms + np.array([way, -way]), Herding(share, strength), even, 1)
            factor = float(((ends[0] - ends[1]) * way).sum() / (2.0 * (way * way).sum()))
            product = share * strength * (1.0 - even)
            about = {"panel": "growth", "rooms": rooms, "share": share, "strength": strength, "even": even}
            rows.append(about | {"product": product, "growth": factor})
    return rows


def loop(rooms: int, step: float) -> list[Row]:
    """Run h eta up from a near-even start and down from a head, every step from where the last one has settled."""
    grid, rows = np.arange(0.6 + step / 2, 1.2, step), []
    for direction, shares in (("up", start(rooms, 0.0)), ("down", start(rooms, 1.0 - 1.0 / rooms))):
        for product in grid if direction == "up" else grid[::-1]:
            shares = (1.0 - TINY) * shares + TINY * start(rooms, 1.0 - 1.0 / rooms)  # never exactly even
            top = float(shares[0].max())
            shares, rounds = settled(shares, Herding(HALF, product / HALF))
            about = {"panel": "loop", "rooms": rooms, "share": HALF, "strength": product / HALF, "product": product}
            found = {"direction": direction, "start": top, "top": float(shares[0].max()), "rounds": rounds}
            rows.append(about | found)
    return rows


def pair(products: Sequence[float]) -> list[Row]:
    """Where two rooms end from a near-even start and from a head."""
    rows = []
    for product in products:
        about = {"panel": "pair", "rooms": 2, "share": HALF, "strength": product / HALF, "product": product}
        for direction, excess in (("up", TINY), ("down", 0.5)):
            shares, rounds = settled(start(2, excess), Herding(HALF, product / HALF))
            found = {"direction": direction, "start": 0.5 + excess, "top": float(shares.max()), "rounds": rounds}
            rows.append(about | found)
    return rows


def survives(rooms: int, herding: Herding, even: float = 0.0) -> bool:
    """Whether a room that starts with all viewers keeps a lead."""
    shares, _ = settled(start(rooms, 1.0 - 1.0 / rooms), herding, even, lead=LEAD)
    return bool(shares[0].max() > 1.0 / rooms + LEAD)


def grows(rooms: int, herding: Herding, even: float) -> bool:
    """Whether a room a little above its even share gains over many rounds."""
    shares = played(start(rooms, TINY), herding, even, 3 * CHUNK)
    return bool(shares[0].max() > 1.0 / rooms + TINY)


def bisected(low: float, high: float, width: float, above: Any) -> float:
    """Where a property that holds below fails, to a width."""
    while high - low > width:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return 0.5 * (low + high)


def fold(rooms: int, share: float, width: float) -> list[Row]:
    """h eta down to which a head survives."""
    found = bisected(0.6, 1.0, width, lambda product: survives(rooms, Herding(share, product / share)))
    return [{"panel": "fold", "rooms": rooms, "share": share, "fold": found}]


def needs(rooms: int, strength: float, width: float) -> list[Row]:
    """Even shares at h = .8 that keep a near-even start even, and that dissolve a head; 0 where none is needed."""
    herding, found = Herding(STRONG, strength), {}
    for name, locks in (("prevention", grows), ("cure", survives)):
        needed = locks(rooms, herding, 0.0)
        found[name] = bisected(0.0, 0.8, width, lambda e, f=locks: not f(rooms, herding, e)) if needed else 0.0
    about = {"panel": "needs", "rooms": rooms, "share": STRONG, "strength": strength, "product": STRONG * strength}
    return [about | found]


def basins(rooms: int, grid: tuple[int, int]) -> list[Row]:
    """Where starts with more or less of a head end, by the even share; marked ones are those of the claim."""
    excess = np.geomspace(TINY, 1.0 - 1.0 / rooms, grid[0])
    evens = np.linspace(0.2, 0.5, grid[1])
    rows = ending("basin", rooms, evens, excess)
    return rows + ending("marked", rooms, (0.2198, *KEPT), (TINY, 1e-4, 0.01, 1.0 - 1.0 / rooms))


def ending(panel: str, rooms: int, evens: Sequence[float], excess: Sequence[float]) -> list[Row]:
    """The largest room's share in the end, for every even share and start."""
    rows, herding = [], Herding(STRONG, ETA)
    starts = np.concatenate([start(rooms, some) for some in excess])
    for even in evens:
        shares, rounds = settled(starts, herding, even)
        about = {"panel": panel, "rooms": rooms, "share": STRONG, "strength": ETA, "even": float(even)}
        for some, mine in zip(excess, shares, strict=True):
            rows.append(about | {"start": float(some), "top": float(mine.max()), "rounds": rounds})
    return rows


# What theory says.


def strength_of(x: FloatArray, rooms: int, share: float) -> FloatArray:
    """eta at which one room at x, the others alike, changes nothing."""
    crowd = (x - (1.0 - share) / rooms) / share
    others = np.log(rooms - 1)
    return (np.log(crowd / (1.0 - crowd)) + others) / (np.log(x / (1.0 - x)) + others)


def heads(rooms: int, most: float) -> FloatArray:
    """Shares of a leading room, from next to even to almost the most it can have."""
    return 1.0 / rooms + np.geomspace(1e-6, 1.0, 4_000) * (most - 1.0 / rooms) * (1 - 1e-9)


def fold_of(rooms: int, share: float) -> float:
    """The least h eta at which a head survives."""
    return share * float(strength_of(heads(rooms, share + (1 - share) / rooms), rooms, share).min())


def cure_of(rooms: int, share: float, strength: float) -> float:
    """The even share that dissolves a head."""
    return max(0.0, even_share_to_dissolve(rooms, share, strength))


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Three loops above; growth of a deviation, basins, and what prevention and cure take below."""
    figure = blank_figure(5.2)
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.15))
    loops, (fork, basin, need) = above.subplots(1, 3, sharey=True), below.subplots(1, 3, width_ratios=(1, 1.3, 1))
    for letter, rooms, ax in zip("abc", ROOMS, loops, strict=True):
        draw_loop(pick(rows, panel="loop", rooms=rooms), rooms, ax)
        ax.set_title(f"({letter}) {rooms} rooms, h = {HALF:g}", loc="left")
    for ax in loops[1:]:
        ax.set_ylabel("")
    above.legend(*loops[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    draw_growth(pick(rows, panel="growth"), fork)
    draw_basins(pick(rows, panel="basin"), basin)
    draw_needs(pick(rows, panel="needs"), need)
    pairs = [pair for ax in (fork, need) for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    below.legend(*zip(*pairs, strict=True), loc="outside lower center", ncols=4)
    return figure


def draw_loop(rows: Sequence[Row], rooms: int, ax: Any) -> None:
    """Simulated ways, and the states with one head in closed form."""
    words = {"product": "h η", "top": "Viewers in the largest room (%)"}
    al.plots.hysteresis(rows, ax, x="product", y="top", words=words)
    x = heads(rooms, HALF + (1 - HALF) / rooms)
    ax.plot(HALF * strength_of(x, rooms, HALF), x, color=BLACK, linewidth=0.8, label="one head, closed form", zorder=4)
    ax.axvline(1.0, color=BLACK, linestyle=":", linewidth=0.8)
    for line in ax.lines[:2]:
        line.set(markersize=3, linewidth=0.7)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlim=(0.6, 1.2), ylim=(0, 0.62))


def draw_growth(rows: Sequence[Row], ax: Any) -> None:
    """Measured by differences of one round; the line is T4."""
    ax.plot([0.3, 1.7], [0.3, 1.7], color=BLACK, linewidth=0.8, label="closed form (d)")
    for rooms, (colour, marker) in LOOKS.items():
        mine = pick(rows, rooms=rooms)
        size = {5: 6.5, 20: 4.5, 100: 2.5}[rooms]
        look = {"color": colour, "markerfacecolor": "none", "markeredgewidth": 0.8, "linestyle": "none"}
        ax.plot(*entries(mine, "product", "growth"), marker, markersize=size, label=f"{rooms} rooms", **look)
    ax.axhline(1.0, color=BLACK, linestyle=":", linewidth=0.8)
    ax.axvline(1.0, color=BLACK, linestyle=":", linewidth=0.8)
    ax.set(xlabel="(1 - ε) h η", ylabel="Growth of a deviation per round")
    ax.set_title("(d) leaving the even split", loc="left")


def draw_basins(rows: Sequence[Row], ax: Any) -> None:
    """The boundary: the unstable head up to the fold, from there on the fold."""
    rooms = rows[0]["rooms"]
    x = heads(rooms, 1.0)
    line = np.maximum.accumulate(even_share_at(x, rooms, STRONG, ETA))
    cells = [row | {"start": np.log10(row["start"])} for row in rows]
    boundary = [{"start": float(np.log10(a - 1 / rooms)), "even": float(b)} for a, b in zip(x, line, strict=True)]
    words = {"start": "Lead of the first room at the start\n(share of viewers)", "even": "Even share ε (%)"}
    words |= {"top": "Viewers in the largest\nroom in the end (%)"}
    al.plots.phase_diagram(cells, ax, x="start", y="even", value="top", boundary=boundary, words=words)
    ticks = (-6, -4, -2)
    ax.set_xticks(ticks, [f"$10^{{{tick}}}$" for tick in ticks])
    ax.yaxis.set_major_formatter(percent)
    ax.collections[0].colorbar.ax.yaxis.set_major_formatter(percent)
    ax.legend(loc="upper left", frameon=True, framealpha=1.0, edgecolor="none", borderaxespad=0.8)
    ax.set_title(f"(e) {rooms} rooms, h = {STRONG:g}, η = {ETA:g}", loc="left")


def draw_needs(rows: Sequence[Row], ax: Any) -> None:
    products = np.linspace(0.85, 1.6, 151)
    ax.plot(products, np.maximum(0.0, 1.0 - 1.0 / products), color=GREEN, label="even start kept even (f)")
    mine = pick(rows, rooms=ROOMS[1])
    look = {"linestyle": "none", "markersize": 4, "markerfacecolor": "white"}
    ax.plot(*entries(mine, "product", "prevention"), "D", color=GREEN, **look)
    for (rooms, (colour, marker)), dashes in zip(LOOKS.items(), ("-.", "--", ":"), strict=True):
        mine = pick(rows, rooms=rooms)
        lines = [cure_of(rooms, STRONG, product / STRONG) for product in products]
        ax.plot(products, lines, color=colour, linestyle=dashes, label=f"head dissolved, {rooms} rooms (f)")
        ax.plot(*entries(mine, "product", "cure"), marker, color=colour, **look)
    ax.yaxis.set_major_formatter(percent)
    ax.set_xticks((1.0, 1.2, 1.4, 1.6))
    ax.set(xlabel="h η", ylabel="Even share needed (%)", ylim=(-0.015, 0.85))
    ax.set_title(f"(f) prevention, cure; h = {STRONG:g}", loc="left")


# What is claimed.


def forks(rows: Sequence[Row]) -> str:
    """T4 and F23: the even split is lost at (1 - eps) h eta = 1 whatever n, and jumps on the way up only there."""
    for row in pick(rows, panel="growth"):
        assert abs(row["growth"] - row["product"]) <= 1e-6, row
    loops = pick(rows, panel="loop")
    for row in loops:
        high = row["top"] > 1.0 / row["rooms"] + LEAD
        edge = 1.0 if row["direction"] == "up" else fold_of(row["rooms"], HALF)
        assert high == (row["product"] > edge), row
    return (
        f"A deviation grows by (1 - eps) h eta a round with {', '.join(map(str, ROOMS))} rooms (to 1e-6), so the even "
        f"split is lost at 1 and no room leads below it on the way up from a lead of {TINY:g}."
    )


def loops(rows: Sequence[Row]) -> str:
    """F23: a head that is there survives down to less."""
    two = pick(rows, panel="pair")
    for product in PAIR:
        up, down = (row["top"] for row in pick(two, product=product))
        assert abs(up - down) <= 1e-4, (product, up, down)
        assert (up > 0.5 + 1e-4) == (product > 1.0), (product, up)
    found = {}
    for row in pick(rows, panel="fold"):
        key = row["share"], row["rooms"]
        assert abs(row["fold"] - PUBLISHED[key]) <= 1e-3, row
        assert abs(row["fold"] - fold_of(row["rooms"], row["share"])) <= 5e-4, row
        found[key] = f"{row['fold']:.3f}"
    half, strong = (
        ", ".join(f"{lowest} ({rooms} rooms)" for (h, rooms), lowest in found.items() if h == share)
        for share in (HALF, STRONG)
    )
    return (
        f"From a start with all viewers in one room the head survives down to h eta = {half} at h = {HALF:g}, and "
        f"{strong} at h = {STRONG:g}; two rooms end alike from either start."
    )


def cures(rows: Sequence[Row]) -> str:
    """T4: prevention takes 1 - 1 / (h eta), cure more; the lead at the start decides between."""
    for row in pick(rows, panel="needs"):
        theory = cure_of(row["rooms"], STRONG, row["strength"])
        assert abs(row["cure"] - theory) <= 1e-3, (row, theory)
        assert abs(row["prevention"] - max(0.0, 1.0 - 1.0 / row["product"])) <= 1e-3, row
        assert row["cure"] > row["prevention"] + 0.01 or row["product"] < fold_of(row["rooms"], STRONG), row
    (one,) = pick(rows, panel="needs", rooms=20, strength=ETA)
    marked = pick(rows, panel="marked")
    near = {row["start"]: row["top"] for row in pick(marked, even=0.2198)}
    assert near[TINY] < 0.051 > near[1e-4], near
    assert abs(near[0.01] - 0.588) <= 2e-3, near
    tops = {even: max(row["top"] for row in pick(marked, even=even)) for even in KEPT}
    assert all(abs(tops[even] - KEPT[even]) <= 2e-3 for even in KEPT), tops
    return (
        f"At h = {STRONG:g}, eta = {ETA:g} and 20 rooms an even share of {one['prevention']:.4f} keeps an even start "
        f"even (closed form {1 - 1 / STRONG / ETA:.5f}), but a head is dissolved only by {one['cure']:.4f}: "
        + " and ".join(f"{even:.4f} leaves it {top:.3f}" for even, top in tops.items())
        + f". At .2198 a lead of 1 % of viewers still locks in at {near[0.01]:.3f}, one of 1e-4 or 1e-6 does not."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    width = FINE[scale]
    cells: list = [(growth, {"rooms": rooms, "seed": options.seed}) for rooms in ROOMS]
    cells += [(loop, {"rooms": rooms, "step": STEPS[scale]}) for rooms in ROOMS]
    cells += [(fold, {"rooms": rooms, "share": share, "width": width}) for share, rooms in FOLDS[scale]]
    cells.append((pair, {"products": PAIR}))
    cells += [
        (needs, {"rooms": rooms, "strength": strength, "width": width})
        for rooms in ROOMS
        for strength in STRENGTHS[scale]
    ]
    cells.append((basins, {"rooms": 20, "grid": GRIDS[scale]}))
    Lab.of("herding", options).answer(cells, draw, forks, loops, cures, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
