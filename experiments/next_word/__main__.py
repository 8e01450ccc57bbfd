from experiments.next_word.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
