"""Registry of the cells by name."""

from collections.abc import Callable, Mapping

from seqmodels.cells.additive_memory import additive_memory
from seqmodels.cells.carry_track_lstm import carry_track_lstm
from seqmodels.cells.gru import gru
from seqmodels.cells.gru_before import gru_before
from seqmodels.cells.lru import lru
from seqmodels.cells.lstm import lstm
from seqmodels.cells.mgu import mgu
from seqmodels.cells.min_gru import min_gru
from seqmodels.cells.min_lstm import min_lstm
from seqmodels.cells.preactivation_rnn import preactivation_rnn
from seqmodels.cells.rg_lru import rg_lru
from seqmodels.cells.rnn import irnn, rnn
from seqmodels.cells.slstm import slstm
from seqmodels.errors import UserError
from seqmodels.types import Cell

CELLS: dict[str, Callable[..., Cell]] = {
    "rnn": rnn,
    "irnn": irnn,
    "preactivation_rnn": preactivation_rnn,
    "additive_memory": additive_memory,
    "lstm": lstm,
    "carry_track_lstm": carry_track_lstm,
    "gru": gru,
    "gru_before": gru_before,
    "mgu": mgu,
    "slstm": slstm,
    "min_gru": min_gru,
    "min_lstm": min_lstm,
    "lru": lru,
    "rg_lru": rg_lru,
}


def cell_named(name: str, cells: Mapping[str, Callable[..., Cell]] = CELLS) -> Callable[..., Cell]:
    """Return the constructor of the cell that ``--cell`` names."""
    if name not in cells:
        raise UserError(f"--cell {name}: unknown cell; choose one of {', '.join(cells)}")
    return cells[name]
