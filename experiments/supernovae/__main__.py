from experiments.supernovae.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
