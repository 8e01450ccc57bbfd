from experiments.row_digits.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
