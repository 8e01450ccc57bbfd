"""The challenge's two file formats."""

import csv
import gzip

import numpy as np
import pytest

from experiments.supernovae.files import read_light_curves
from experiments.supernovae.light_curves import COLUMN_COUNT, curve_fields
from seqmodels.errors import UserError

DAT = """SURVEY: DES
SNID:  {snid}
SNTYPE:  {code}
FILTERS: griz
HOST_GALAXY_PHOTO-Z: 0.5000 +- 0.0300
SIM_COMMENT: SN Type = {name} , MODEL = anything
# a comment without meaning
NVAR: 6
VARLIST:  MJD  FLT FIELD   FLUXCAL   FLUXCALERR   SNR
{key}:  56010.00 g NULL  {flux}  2.0 5.0
{key}:  56010.02 r NULL  -3.0  1.0 -3.0
{key}:  56015.10 z NULL  7.0  3.0 2.3
{key}:  56015.20 z NULL  9.0  -9.0 0
END:
"""


def write_dat(folder, names=("Ia", "IIn", "Ib"), **changed):
    for snid, name in enumerate(names, 7):
        code = -9 if name == "Ib" else 1
        values = {"snid": snid, "name": name, "code": code, "key": "OBS", "flux": "1.0e+01"}
        text = DAT.format(**(values | changed))
        (folder / f"DES_SN{snid:06}.DAT").write_text(text)


def write_packed(folder):
    columns = ("snid", "sim_type", "host_photoz", "host_photoz_err", "sntype")
    rows = [(7, "Ia", 0.5, 0.03, 1), (8, "IIn", 0.5, 0.03, 1), (9, "Ib", 0.5, 0.03, -9)]
    with gzip.open(folder / "headers.csv.gz", "wt", newline="") as file:
        csv.writer(file).writerows([columns, *reversed(rows)])
    np.savez(
        folder / "lightcurves.npz",
        snid=np.array([7, 8, 9]),
        offsets=np.arange(4) * 4,
        mjd=np.tile([56010.0, 56010.02, 56015.1, 56015.2], 3),
        band=np.tile(np.array([0, 1, 3, 3], np.int8), 3),
        fluxcal=np.tile(np.array([10, -3, 7, 9], np.float32), 3),
        fluxcalerr=np.tile(np.array([2, 1, 3, -9], np.float32), 3),
    )


@pytest.mark.parametrize("write", [write_dat, write_packed])
def test_both_formats_are_read_alike(write, tmp_path):
    write(tmp_path)
    curves = read_light_curves(tmp_path)
    assert curves.names == ["7", "8", "9"]
    assert curves.types == ["Ia", "II", "Ibc"]
    np.testing.assert_array_equal(curves.spectroscopic, [True, True, False])
    expected = np.zeros((2, COLUMN_COUNT))
    expected[0] = [0, 10, -3, 0, 0, 2, 1, 0, 0, 1, 1, 0, 0, 0.5, 0.03]
    expected[1] = [5.1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 1, 0.5, 0.03]
    for row in range(3):
        np.testing.assert_allclose(curves.curve(row), expected, atol=1e-5)
    np.testing.assert_array_equal(curve_fields(curves, ["other", "Ia"])["label"], [1, 0, 0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "IV"}, "IV is not a type of supernova"),
        ({"code": "x"}, "is not a valid light curve"),
        ({"flux": "nan"}, "it has no measurements, or some that are not finite"),
        ({"key": "OBSERVATION"}, "it has no measurements"),
    ],
)
def test_an_invalid_dat_file_is_refused(changed, message, tmp_path):
    write_dat(tmp_path, **changed)
    with pytest.raises(UserError, match=message):
        read_light_curves(tmp_path)


def test_folders_without_light_curves_or_headers_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"no \.DAT files"):
        read_light_curves(tmp_path)
    write_packed(tmp_path)
    (tmp_path / "headers.csv.gz").write_bytes(gzip.compress(b"snid,sim_type\n7,Ia\n"))
    with pytest.raises(UserError, match="is damaged or incomplete"):
        read_light_curves(tmp_path)


@pytest.mark.parametrize("name", ["lightcurves.npz", "headers.csv.gz"])
def test_a_truncated_download_is_refused(name, tmp_path):
    write_packed(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="is damaged or incomplete"):
        read_light_curves(tmp_path)
