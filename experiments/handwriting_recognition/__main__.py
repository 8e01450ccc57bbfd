from experiments.handwriting_recognition.experiment import EXPERIMENT
from seqmodels.cli import main

main(EXPERIMENT)
