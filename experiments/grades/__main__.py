from experiments.grades.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
