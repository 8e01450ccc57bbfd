from experiments.char_generation.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
