from experiments.series.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
