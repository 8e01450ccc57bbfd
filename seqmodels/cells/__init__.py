"""The cells, one recurrence to a file, and their names for configurations."""

from seqmodels.cells.lstm import lstm
from seqmodels.cells.rnn import irnn, rnn

CELLS = {"rnn": rnn, "irnn": irnn, "lstm": lstm}
