"""Light curves: the challenge's two formats, made-up ones, and changes in training."""

import csv
import gzip
from itertools import pairwise

import numpy as np
import pytest

from experiments.supernovae.augment import (
    band_weights,
    beginning,
    fainter,
    farther,
    first_days,
    signal,
    thin,
    training_changes,
)
from experiments.supernovae.files import (
    COLUMNS,
    DAY,
    ERROR,
    FLUX,
    REDSHIFT,
    SEEN,
    Observations,
    curve_fields,
    group_nights,
    read_light_curves,
    split_curves,
)
from experiments.supernovae.simulate import TEMPLATES, distance, shape, simulated
from seqmodels.data.augmentation import changes
from seqmodels.data.batching import Batch
from seqmodels.data.ragged import pad
from seqmodels.errors import UserError

DAT = """SURVEY: DES
SNID:  {snid}
SNTYPE:  {code}
FILTERS: griz
HOST_GALAXY_PHOTO-Z: 0.5000 +- 0.0300
SIM_COMMENT: SN Type = {kind} , MODEL = anything
# a comment without meaning
NVAR: 6
VARLIST:  MJD  FLT FIELD   FLUXCAL   FLUXCALERR   SNR
{key}:  56010.00 g NULL  {flux}  2.0 5.0
{key}:  56010.02 r NULL  -3.0  1.0 -3.0
{key}:  56015.10 z NULL  7.0  3.0 2.3
{key}:  56015.20 z NULL  9.0  -9.0 0
END:
"""


def write_dat(folder, kinds=("Ia", "IIn", "Ib"), **changed):
    for snid, kind in enumerate(kinds, 7):
        code = -9 if kind == "Ib" else 1
        given = {"snid": snid, "kind": kind, "code": code, "key": "OBS", "flux": "1.0e+01"}
        text = DAT.format(**(given | changed))
        (folder / f"DES_SN{snid:06}.DAT").write_text(text)


def write_packed(folder, curves=3):
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
def test_both_formats_say_the_same(write, tmp_path):
    write(tmp_path)
    curves = read_light_curves(tmp_path)
    assert curves.names == ["7", "8", "9"]
    assert curves.kinds == ["Ia", "II", "Ibc"]
    np.testing.assert_array_equal(curves.spectroscopic, [True, True, False])
    expected = np.zeros((2, COLUMNS))
    expected[0] = [0, 10, -3, 0, 0, 2, 1, 0, 0, 1, 1, 0, 0, 0.5, 0.03]
    expected[1] = [5.1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 1, 0.5, 0.03]
    for row in range(3):
        np.testing.assert_allclose(curves.one(row), expected, atol=1e-5)
    np.testing.assert_array_equal(curve_fields(curves, ["other", "Ia"])["label"], [1, 0, 0])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kind": "IV"}, "IV is no type"),
        ({"code": "x"}, "no light curve as it should be"),
        ({"flux": "nan"}, "it has no measurements, or some that are no numbers"),
        ({"key": "OBSERVATION"}, "it has no measurements"),
    ],
)
def test_a_wrong_file_gets_one_line(changed, told, tmp_path):
    write_dat(tmp_path, **changed)
    with pytest.raises(UserError, match=told):
        read_light_curves(tmp_path)


def test_wrong_folders_get_one_line(tmp_path):
    with pytest.raises(UserError, match=r"no \.DAT files"):
        read_light_curves(tmp_path)
    write_packed(tmp_path)
    (tmp_path / "headers.csv.gz").write_bytes(gzip.compress(b"snid,sim_type\n7,Ia\n"))
    with pytest.raises(UserError, match="is not as it should be"):
        read_light_curves(tmp_path)


@pytest.mark.parametrize("name", ["lightcurves.npz", "headers.csv.gz"])
def test_a_download_that_broke_off_gets_one_line(name, tmp_path):
    write_packed(tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is not as it should be"):
        read_light_curves(tmp_path)


def test_nights_agree_with_a_loop():
    random = np.random.default_rng(0)
    offsets = np.array([0, 30, 31, 60])
    mjd = np.concatenate([np.sort(random.uniform(0, 9, n)) for n in np.diff(offsets)]) + 56000
    band, flux = random.integers(0, 4, 60), random.normal(size=60)
    error = random.uniform(0.5, 2.0, 60)
    seen = Observations(offsets, mjd, band, flux, error)
    found = group_nights(seen, np.zeros((3, 2)))
    for number, (begin, end) in enumerate(pairwise(offsets)):
        nights: list[list[int]] = []
        for row in range(begin, end):
            if nights and mjd[row] - mjd[nights[-1][-1]] <= 0.5:
                nights[-1].append(row)
            else:
                nights.append([row])
        own = found.values[found.offsets[number] : found.offsets[number + 1]]
        assert len(own) == len(nights)
        for values, rows in zip(own, nights, strict=True):
            assert values[DAY] == pytest.approx(mjd[rows[0]] - mjd[begin], abs=1e-3)
            for b in range(4):
                of_band = [row for row in rows if band[row] == b]
                assert values[SEEN][b] == bool(of_band)
                if of_band:
                    weights = error[of_band] ** -2
                    assert values[FLUX][b] == pytest.approx(
                        np.average(flux[of_band], weights=weights), rel=1e-4
                    )
                    assert values[ERROR][b] == pytest.approx(weights.sum() ** -0.5, rel=1e-4)


@pytest.fixture(scope="module")
def curves():
    return simulated(120)


def test_made_up_curves_are_what_they_should_be(curves):
    assert set(curves.kinds) == {"Ia", "Ibc", "II"}
    assert all((signal(curves.one(row)) > 5).any(axis=1).sum() > 2 for row in range(120))
    again = simulated(120)
    np.testing.assert_array_equal(again.nights.values, curves.nights.values)


def test_distance_is_hubbles_law_nearby_and_known_far_away():
    near = np.array([0.001])
    np.testing.assert_allclose(distance(near), 299_792.458 / 70 * near, rtol=2e-3)
    # Wright (2006)'s cosmology calculator, for the same universe.
    np.testing.assert_allclose(distance(np.array([0.5, 1.0])), [2832.9, 6607.7], rtol=1e-3)


def test_templates_rise_fade_and_keep_their_promises():
    days, red = np.linspace(-40, 150, 400), np.full(400, 800.0)
    curves = {t: shape(t, days, red) for t in TEMPLATES}
    for curve in curves.values():
        assert np.isfinite(curve).all()
        assert curve[0] < 0.05 * curve.max()
        assert curve[-1] < 0.2 * curve.max()
    ia, ibc, plateau, _ = curves.values()
    late = np.searchsorted(days, 60)
    assert plateau[late] / plateau.max() > 3 * ibc[late] / ibc.max()
    blue = shape(TEMPLATES[0], days, np.full(400, 300.0))
    assert blue.max() < 0.3 * ia.max()


def test_splits_part_the_curves(curves):
    parts = split_curves(curves, 0.5, 0.1, seed=1)
    assert [len(part.names) for part in parts] == [54, 6, 60]
    assert {name for part in parts for name in part.names} == set(curves.names)
    known = split_curves(curves, 0.0, 0.2, seed=1)
    assert known.train.spectroscopic.all()
    assert known.dev.spectroscopic.all()
    assert not known.test.spectroscopic.any()
    row = curves.names.index(parts.dev.names[2])
    np.testing.assert_array_equal(parts.dev.one(2), curves.one(row))
    assert parts.dev.kinds[2] == curves.kinds[row]
    with pytest.raises(UserError, match="no light curves are left for train"):
        split_curves(curves.rows(np.arange(2)), 0.5, 0.5, seed=0)
    with pytest.raises(UserError, match="no light curves are left for train"):
        split_curves(curves, 0.001, 0.1, seed=0)
    with pytest.raises(UserError, match="--split -1 must be 0 or more"):
        split_curves(curves, 0.5, 0.1, seed=-1)


def batch(curves, rows=(0, 1, 2, 3, 4, 5, 6, 7, -1)):
    rows = np.array(rows)
    x = pad(curves.nights, rows, int(curves.nights.lengths.max()))
    return Batch({"x": x}, rows, np.ones(len(rows), np.float32))


def changed(curves, change, seed=0):
    given = batch(curves)
    return given.fields["x"], changes(change)(given, np.random.default_rng(seed)).fields["x"]


def test_thinning_leaves_nights_in_their_order(curves):
    x, found = changed(curves, thin(0.8))
    lengths = found.mask.sum(axis=0)
    assert (lengths[:-1] >= 1).all()
    assert lengths[-1] == 0
    assert lengths.sum() < 0.9 * x.mask.sum()
    for row in range(8):
        before = {tuple(night) for night in x.values[x.mask[:, row], row]}
        after = found.values[found.mask[:, row], row]
        assert {tuple(night) for night in after} <= before
        assert (np.diff(after[:, DAY]) > 0).all()
    assert (found.values[~found.mask] == 0).all()


def test_an_early_end_keeps_the_beginning(curves):
    for change in (beginning(0.2), first_days(10.0)):
        x, found = changed(curves, change)
        assert (found.mask <= x.mask).all()
        assert (np.diff(found.mask.astype(int), axis=0) <= 0).all()
        assert found.mask.sum() < x.mask.sum()
        np.testing.assert_array_equal(found.values[found.mask], x.values[found.mask])


def test_days_count_from_the_first_detection(curves):
    x, found = changed(curves, first_days(10.0))
    for row in range(8):
        days = x.values[x.mask[:, row], row, DAY]
        bright = (signal(x.values[:, row]) > 5).any(axis=1)
        first = days[bright[: len(days)]][0]
        np.testing.assert_array_equal(days <= first + 10, found.mask[: len(days), row])


def test_fainter_curves_are_as_noisy_as_their_errors_say(curves):
    given = batch(curves, np.arange(120))
    found = changes(fainter(3.0))(given, np.random.default_rng(0)).fields["x"]
    x, seen = given.fields["x"], given.fields["x"].values[..., SEEN] > 0
    more = found.values[..., ERROR][seen] ** 2 - x.values[..., ERROR][seen] ** 2
    bumps = (found.values[..., FLUX] - x.values[..., FLUX])[seen]
    assert (more >= -1e-3).all()
    np.testing.assert_allclose(np.mean(bumps**2) / np.mean(more), 1.0, rtol=0.1)


def test_band_weights_draw_straight_lines():
    np.testing.assert_allclose(band_weights(np.ones(1))[0], np.eye(4), atol=1e-12)
    ratio = np.array([1.05, 1.2, 1.4])
    known = np.log([480, 640, 780, 920])
    line = 3.0 - 2.0 * known
    expected = 3.0 - 2.0 * (known - np.log(ratio)[:, None])
    np.testing.assert_allclose(band_weights(ratio) @ line, expected)


def test_farther_curves_are_slower_fainter_and_say_so(curves):
    given = batch(curves, np.arange(120))
    x = given.fields["x"]
    found = changes(farther(0.3))(given, np.random.default_rng(0)).fields["x"]
    np.testing.assert_array_equal(found.mask, x.mask)
    moved = found.values[0, :, REDSHIFT] > x.values[0, :, REDSHIFT]
    assert 10 < moved.sum() < 80
    np.testing.assert_array_equal(found.values[:, ~moved], x.values[:, ~moved])
    ratio = (1 + found.values[0, :, REDSHIFT]) / (1 + x.values[0, :, REDSHIFT])
    np.testing.assert_allclose(
        found.values[..., DAY], x.values[..., DAY] * ratio * x.mask, rtol=1e-4, atol=1e-4
    )
    total = [
        np.where(each.mask[..., None], each.values[..., FLUX], 0).sum((0, 2)) for each in (x, found)
    ]
    assert np.median(total[1][moved] / total[0][moved]) < 0.8
    assert (signal(found.values[:, moved]) > 5).any(axis=(0, 2)).all()


def test_changes_that_change_nothing_are_left_out(curves):
    given = batch(curves)
    same = training_changes(0.0, 1.0, 0.0, 1.0)(given, np.random.default_rng(0))
    np.testing.assert_array_equal(same.fields["x"].values, given.fields["x"].values)
