from experiments.categories.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
