import pytest

from experiments.long_memory.memory_cells import memory_cell
from seqmodels.errors import UserError


def test_chrono_without_gates_names_the_cells_that_have_them():
    gated = "lstm, carry_track_lstm, gru, gru_before, mgu, min_gru, min_lstm, lru"
    with pytest.raises(UserError, match=f"--chrono: .* --cell relu; .* one of {gated}$"):
        memory_cell("relu", 2, 3, span=10)
