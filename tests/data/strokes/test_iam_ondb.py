"""The reader of IAM-OnDB."""

import numpy as np
import pytest

from seqmodels.data.strokes.iam_ondb import read_iam_ondb, read_iam_ondb_samples
from seqmodels.data.strokes.strokes import split_strokes
from seqmodels.errors import UserError

XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
  <WhiteboardDescription><SensorLocation corner="top_left"/></WhiteboardDescription>
  <StrokeSet>
    <Stroke colour="black" start_time="13.1" end_time="14">
      <Point x="10" y="20" time="13.1"/><Point x="12" y="26" time="13.2"/>
    </Stroke>
    <Stroke colour="black" start_time="14.1" end_time="15"><Point x="{x}" y="9" time="14"/></Stroke>
  </StrokeSet>
</WhiteboardCaptureSession>"""
ORIGINAL = '<WhiteboardCaptureSession><General><Form id="a" writerID="10037"/></General>{}'


def write(folder):
    """Write two lines of one text."""
    places = {
        part: folder / part / "a01" / "a01-000" for part in ("lineStrokes", "ascii", "original")
    }
    for place in places.values():
        place.mkdir(parents=True)
    for line in (1, 2):
        name = f"a01-000u-0{line}.xml"
        (places["lineStrokes"] / name).write_text(XML.format(x=line))
    (places["ascii"] / "a01-000u.txt").write_text("OCR:\n\nA MOVE to\n\nCSR:\n\nA MOVE\nto stop\n")
    (places["original"] / "strokesu.xml").write_text(ORIGINAL.format("</WhiteboardCaptureSession>"))
    return places


def test_lines_have_their_text_writer_and_strokes(tmp_path):
    write(tmp_path)
    first, second = read_iam_ondb_samples(tmp_path)
    assert (first.text, first.writer, first.name) == ("A MOVE", "10037", "a01-000u-01")
    assert second.text == "to stop"
    strokes = split_strokes(second.ink)
    np.testing.assert_array_equal(strokes[0], [[10, -20], [12, -26]])
    np.testing.assert_array_equal(strokes[1], [[2, -9]])
    assert sum(map(len, read_iam_ondb(tmp_path))) == 2


def test_texts_of_a_folder_stay_together_without_writers(tmp_path):
    (write(tmp_path)["original"] / "strokesu.xml").unlink()
    assert {sample.writer for sample in read_iam_ondb_samples(tmp_path)} == {"a01-000"}


def test_faulty_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no lineStrokes/\*/\*/\*.xml"):
        read_iam_ondb(tmp_path)
    places = write(tmp_path)
    line, text = places["lineStrokes"] / "a01-000u-02.xml", places["ascii"] / "a01-000u.txt"
    faults = [
        (line, "", "a01-000u-02.xml cannot be read"),
        (line, "<StrokeSet></StrokeSet>", "a01-000u-02.xml has no points"),
        (text, "CSR:\nA MOVE\n", "a01-000u.txt has 1 lines"),
        (text, "A MOVE\n", "a01-000u.txt: there is no line CSR:"),
        (places["original"] / "strokesu.xml", "<General/>", "there is no <Form writerID"),
    ]
    for path, content, message in faults:
        before = path.read_text()
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            read_iam_ondb(tmp_path)
        path.write_text(before)
    text.unlink()
    with pytest.raises(UserError, match=r"a01-000u\.txt cannot be read"):
        read_iam_ondb(tmp_path)
