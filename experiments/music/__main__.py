from experiments.music.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
