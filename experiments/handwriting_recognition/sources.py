"""Lines of handwriting in files, whose format is recognized by their names.

==================================  =======================================================
NAME.npz with NAME.tsv              UniPen words as ink (``data/strokes/unipen.py``)
lineStrokes/  ascii/                IAM-OnDB lines as ink (``data/strokes/iam_ondb.py``)
NAME.json NAME.jsonl                strokes (``data/strokes/json_strokes.py``)
train-images-idx3-ubyte ...         MNIST digits, composed into strings of images
train.tsv test.tsv, or one table    images and their texts (``data/images/text_lines.py``)
ascii/lines.txt  lines/             IAM lines as images (``data/images/text_lines.py``)
==================================  =======================================================
"""

from pathlib import Path

from experiments.handwriting_recognition.digit_strings import mnist_strings
from seqmodels.data.handwriting import Sample
from seqmodels.data.images.line_image import read_line_image
from seqmodels.data.images.text_lines import read_text_lines
from seqmodels.data.splits import Splits
from seqmodels.data.strokes.iam_ondb import STROKES, read_iam_ondb, read_line
from seqmodels.data.strokes.json_strokes import read_json_samples, read_json_strokes
from seqmodels.data.strokes.unipen import is_unipen, read_unipen, read_unipen_samples
from seqmodels.errors import UserError

JSON = (".json", ".jsonl")


def read_source(path: str | Path, strings: int = 20_000) -> Splits:
    """Return the train, dev and test lines of a file or folder.

    strings: number of training strings to compose of MNIST's digits
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"--data {path}: there is no such file or folder")
    if is_unipen(path):
        return read_unipen(path)
    if (path / STROKES).is_dir():
        return read_iam_ondb(path)
    if path.suffix in JSON:
        return read_json_strokes(path)
    if any(path.glob("train-images-idx3-ubyte*")):
        return mnist_strings(path, strings)
    return read_text_lines(path)


def read_new_lines(path: str | Path) -> list[Sample]:
    """Return the lines of one file that are to be recognized; their texts may be empty.

    The file is a picture, strokes in JSON, UniPen's npz or table, or one line of IAM-OnDB (XML).
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    if path.suffix in JSON:
        return read_json_samples(path)
    if path.suffix == ".xml":
        return [Sample("", "", read_line(path), None, path.name)]
    if is_unipen(path):
        return read_unipen_samples(path)
    return [Sample("", "", None, read_line_image(path), path.name)]
