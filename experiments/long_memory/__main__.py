from experiments.long_memory.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
