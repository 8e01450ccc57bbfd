from experiments.translation.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
