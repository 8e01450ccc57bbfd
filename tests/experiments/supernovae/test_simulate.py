"""Generated light curves."""

import numpy as np

from experiments.supernovae.augment import signal_to_noise
from experiments.supernovae.simulate import TEMPLATES, brightness, luminosity_distance, simulate


def test_curves_have_all_types_and_are_detected_in_three_nights():
    curves = simulate(120)
    assert set(curves.types) == {"Ia", "Ibc", "II"}
    assert all((signal_to_noise(curves.curve(r)) > 5).any(axis=1).sum() > 2 for r in range(120))
    again = simulate(120)
    np.testing.assert_array_equal(again.nights.values, curves.nights.values)


def test_distance_is_hubbles_law_nearby_and_agrees_with_a_calculator_far_away():
    near = np.array([0.001])
    np.testing.assert_allclose(luminosity_distance(near), 299_792.458 / 70 * near, rtol=2e-3)
    # Wright (2006)'s cosmology calculator, for the same universe.
    found = luminosity_distance(np.array([0.5, 1.0]))
    np.testing.assert_allclose(found, [2832.9, 6607.7], rtol=1e-3)


def test_templates_rise_and_fade_as_described():
    days, red = np.linspace(-40, 150, 400), np.full(400, 800.0)
    curves = {template: brightness(template, days, red) for template in TEMPLATES}
    for curve in curves.values():
        assert np.isfinite(curve).all()
        assert curve[0] < 0.05 * curve.max()
        assert curve[-1] < 0.2 * curve.max()
    ia, ibc, plateau, _ = curves.values()
    late = np.searchsorted(days, 60)
    assert plateau[late] / plateau.max() > 3 * ibc[late] / ibc.max()
    blue = brightness(TEMPLATES[0], days, np.full(400, 300.0))
    assert blue.max() < 0.3 * ia.max()
