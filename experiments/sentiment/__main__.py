from experiments.sentiment.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
