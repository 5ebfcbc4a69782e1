"""HiGHS, fed with arrays: linear programs and, by branch and bound, programs with whole variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arrays:
    """maximise objective @ z  over  lower <= matrix @ z <= upper, lowest <= z <= highest, z whole where ``whole``."""

    objective: FloatArray
    matrix: Any
    lower: FloatArray
    upper: FloatArray
    lowest: FloatArray
    highest: FloatArray
    whole: NDArray[np.bool_] | None = None


class Solved(NamedTuple):
    """What HiGHS (Huangfu and Hall 2018) answers.

    ``z``: variables, or None. ``dual``: change of the maximum per unit of each row's bound, zero with whole variables.
    ``bound``: above the maximum, as branch and bound claims (infinity for a linear program). ``iterations``: of the
    simplex, the interior point or the first-order method. ``message``: its own words.
    """

    z: FloatArray | None
    dual: FloatArray
    bound: float
    iterations: int
    message: str

    @property
    def optimal(self) -> bool:
        return self.message == "Optimal"


def highs(program: Arrays, options: Mapping[str, Any], start: FloatArray | None = None) -> Solved:
    """Solve a program under options of HiGHS, branch and bound from a ``start`` that it completes where it is partial
    (nan).
    """
    engine = _engine(program, options)
    if start is not None:
        given = np.flatnonzero(np.isfinite(start)).astype(np.int32)
        engine.setSolution(given.size, given, start[given])
    engine.run()
    found, info = engine.getSolution(), engine.getInfo()
    message = engine.modelStatusToString(engine.getModelStatus())
    z = np.asarray(found.col_value, dtype=np.float64)
    usable = found.value_valid and z.size == program.objective.size and np.isfinite(z).all()
    if program.whole is not None:
        usable = usable and info.primal_solution_status == 2  # what it has may be no more than a relaxation
        bound = -info.mip_dual_bound if np.isfinite(info.mip_dual_bound) else np.inf
        return Solved(z if usable else None, np.zeros(program.lower.size), bound, int(info.mip_node_count), message)
    usable = usable and "nfeasible" not in message
    iterations = info.simplex_iteration_count + info.ipm_iteration_count + info.pdlp_iteration_count
    return Solved(z if usable else None, -np.asarray(found.row_dual), np.inf, int(iterations), message)


def _engine(program: Arrays, options: Mapping[str, Any]) -> Any:
    import highspy

    matrix, model = program.matrix.tocsc(), highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.col_cost_ = -program.objective
    model.col_lower_, model.col_upper_ = program.lowest, program.highest
    model.row_lower_, model.row_upper_ = program.lower, program.upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    if program.whole is not None:
        kinds = highspy.HighsVarType
        model.integrality_ = [kinds.kInteger if w else kinds.kContinuous for w in program.whole.tolist()]
    engine = highspy.Highs()
    # Smaller entries are dropped, by default from 1e-9 on.
    for name, setting in ({"output_flag": False, "small_matrix_value": 1e-12} | dict(options)).items():
        engine.setOptionValue(name, setting)
    engine.passModel(model)
    return engine
