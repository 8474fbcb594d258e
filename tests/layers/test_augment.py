"""Random changes of images: what they do, how often, when, and that they repeat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gemmule as gm
from gemmule.layers import RandomContrast, RandomCrop, RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from tests.helpers import exactly, rng_for, threads

IMAGES = rng_for("images").uniform(0, 255, (400, 5, 6, 2)).astype(np.float32)
EVERY = {
    "flip": lambda **kw: RandomFlip(**kw),
    "translation": lambda **kw: RandomTranslation(0.3, 0.3, **kw),
    "rotation": lambda **kw: RandomRotation(0.2, **kw),
    "zoom": lambda **kw: RandomZoom(0.3, **kw),
    "contrast": lambda **kw: RandomContrast(0.5, **kw),
    "crop": lambda **kw: RandomCrop(3, 4, **kw),
}
every = pytest.mark.parametrize("make", list(EVERY.values()), ids=list(EVERY))


def changed(layer: gm.layers.Layer, images: np.ndarray = IMAGES) -> np.ndarray:
    return layer(images, training=True).numpy()


@every
def test_inference_changes_nothing_but_size(make: Callable[..., gm.layers.Layer]) -> None:
    layer = make(seed=1)
    if not isinstance(layer, RandomCrop):
        np.testing.assert_array_equal(layer(IMAGES).numpy(), IMAGES)
        np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), IMAGES)
    assert layer(IMAGES).shape == changed(layer).shape


@every
def test_each_image_and_each_call_is_changed_in_its_own_way(make: Callable[..., gm.layers.Layer]) -> None:
    layer = make(seed=1)
    same = np.repeat(IMAGES[:1], 50, axis=0)
    first, second = changed(layer, same), changed(layer, same)
    assert len({image.tobytes() for image in first}) > 3
    assert not np.array_equal(first, second)


@every
def test_seeds_and_threads(make: Callable[..., gm.layers.Layer]) -> None:
    expected = changed(make(seed=1))
    for count in (1, 2, 3):
        with threads(count):
            np.testing.assert_array_equal(changed(make(seed=1)), expected)
    assert not np.array_equal(changed(make(seed=2)), expected)
    gm.utils.set_random_seed(5)
    unseeded = changed(make())
    gm.utils.set_random_seed(5)
    np.testing.assert_array_equal(changed(make()), unseeded)


@every
def test_one_image_without_a_batch(make: Callable[..., gm.layers.Layer]) -> None:
    np.testing.assert_array_equal(changed(make(seed=1), IMAGES[0]), changed(make(seed=1), IMAGES[:1])[0])


@every
def test_pixels_become_floats(make: Callable[..., gm.layers.Layer]) -> None:
    pixels = IMAGES.astype(np.uint8)
    assert changed(make(seed=1), pixels).dtype == np.float32
    np.testing.assert_array_equal(changed(make(seed=1), pixels), changed(make(seed=1), pixels.astype(np.float32)))


@every
def test_replay_draws_anew_and_equals_eager(make: Callable[..., gm.layers.Layer]) -> None:
    def trained(eager: bool) -> list[np.ndarray]:
        gm.utils.clear_session()
        gm.utils.set_random_seed(3)
        model = gm.Sequential([gm.Input((5, 6, 2)), make(), gm.layers.Flatten(), gm.layers.Dense(1)])
        model.compile(gm.optimizers.SGD(1e-6), "mse", run_eagerly=eager, jit_compile="auto" if eager else True)
        model.fit(IMAGES, np.ones((400, 1), np.float32), batch_size=32, epochs=2, verbose=0)
        return model.get_weights()

    for a, b in zip(trained(True), trained(False), strict=True):
        np.testing.assert_array_equal(a, b)


def share(first: np.ndarray, images: np.ndarray) -> float:
    """How many images equal the other ones."""
    return float(np.mean([np.array_equal(a, b) for a, b in zip(first, images, strict=True)]))


@pytest.mark.parametrize(
    ("mode", "shares"),
    [
        ("horizontal", (0.5, 0.5, 0, 0)),
        ("vertical", (0.5, 0, 0.5, 0)),
        ("horizontal_and_vertical", (0.25, 0.25, 0.25, 0.25)),
    ],
)
def test_flips_are_as_frequent_as_they_should_be(mode: str, shares: tuple[float, ...]) -> None:
    y = changed(RandomFlip(mode, seed=1))
    ways = IMAGES, IMAGES[:, :, ::-1], IMAGES[:, ::-1], IMAGES[:, ::-1, ::-1]
    found = [share(y, way) for way in ways]
    assert sum(found) == pytest.approx(1)
    np.testing.assert_allclose(found, shares, atol=0.09)


def test_translation_moves_down_and_right() -> None:
    """A fixed move by two rows of five and three columns of six."""
    y = changed(RandomTranslation((0.4, 0.4), (0.5, 0.5), fill_mode="constant", fill_value=7.0))
    np.testing.assert_allclose(y[:, 2:, 3:], IMAGES[:, :3, :3], rtol=1e-6)
    assert (y[:, :2] == 7).all()
    assert (y[:, :, :3] == 7).all()


@pytest.mark.parametrize(
    ("fill_mode", "row"), [("nearest", "aaaab"), ("reflect", "cbaab"), ("wrap", "cdeab"), ("constant", "000ab")]
)
def test_what_comes_in(fill_mode: str, row: str) -> None:
    line = np.arange(1.0, 6.0).reshape(1, 1, 5, 1)
    y = changed(RandomTranslation(0.0, (0.6, 0.6), fill_mode, "nearest"), line)
    assert "".join("0abcde"[int(v)] for v in y.ravel()) == row


def test_a_quarter_turn() -> None:
    square = IMAGES[:3, :, :5]
    y = changed(RandomRotation((0.25, 0.25)), square)
    np.testing.assert_allclose(y, np.rot90(square, axes=(1, 2)), rtol=1e-4)


def test_zoom_out_shows_more_and_keeps_proportions() -> None:
    image = np.zeros((1, 9, 9, 1), np.float32)
    image[:, 2:7, 2:7] = 1
    smaller = changed(RandomZoom((1.0, 1.0), fill_mode="constant"), image)
    assert smaller.sum() == pytest.approx(25 / 4, abs=3)
    np.testing.assert_array_equal(smaller, smaller.swapaxes(1, 2))
    larger = changed(RandomZoom((-0.5, -0.5)), image)
    assert larger.sum() > 70


def test_crops_lie_anywhere_and_are_parts() -> None:
    y = changed(RandomCrop(3, 4, seed=1))
    places = [
        (top, left)
        for image, crop in zip(IMAGES, y, strict=True)
        for top in range(3)
        for left in range(3)
        if np.array_equal(image[top : top + 3, left : left + 4], crop)
    ]
    assert len(places) == 400
    counts = np.unique(places, axis=0, return_counts=True)[1]
    assert len(counts) == 9
    assert counts.min() > 20


def test_inference_and_small_images_are_scaled_from_the_middle() -> None:
    ramp = np.arange(6.0).reshape(1, 1, 6, 1).repeat(4, axis=1)
    np.testing.assert_allclose(RandomCrop(2, 2)(ramp).numpy()[0, 0, :, 0], [1.5, 3.5])
    assert changed(RandomCrop(8, 8), IMAGES[:2]).shape == (2, 8, 8, 2)


def test_contrast_keeps_the_mean_and_its_limits() -> None:
    y = changed(RandomContrast((0.5, 0.5), value_range=(-1000, 1000), seed=1))
    np.testing.assert_allclose(y.mean(axis=(1, 2)), IMAGES.mean(axis=(1, 2)), rtol=1e-4)
    factors = y.std(axis=(1, 2)) / IMAGES.std(axis=(1, 2))
    np.testing.assert_allclose(factors[:, 0], factors[:, 1], rtol=1e-4)
    assert 0.5 <= factors.min() < 0.55
    assert 1.45 < factors.max() <= 1.5001
    assert changed(RandomContrast(1.0)).min() >= 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RandomFlip("diagonal", name="a"),
         "random_flip (layer \"a\"): unknown mode 'diagonal'. Known: horizontal, horizontal_and_vertical, vertical."),
        (lambda: RandomTranslation(1.5, 0.1, name="a"),
         'random_translation (layer "a"): height_factor must be a number, or two, from -1 to 1. '
         "Received: height_factor=1.5."),
        (lambda: RandomTranslation(0.5, (0.1, 0.2, 0.3), name="a"),
         'random_translation (layer "a"): width_factor must be a number, or two, from -1 to 1. '
         "Received: width_factor=(0.1, 0.2, 0.3)."),
        (lambda: RandomRotation("a lot", name="a"),
         'random_rotation (layer "a"): factor must be a number, or two, from -1 to 1. '
         "Received: factor='a lot'."),
        (lambda: RandomRotation(0.1, fill_mode="mirror", name="a"),
         "random_rotation (layer \"a\"): unknown fill_mode 'mirror'. Known: constant, nearest, reflect, wrap."),
        (lambda: RandomZoom((-1, 0.5), name="a"),
         'random_zoom (layer "a"): height_factor must be greater than -1: nothing would be left to show. '
         "Received: height_factor=(-1, 0.5)."),
        (lambda: RandomZoom(0.5, interpolation="cubic", name="a"),
         "random_zoom (layer \"a\"): unknown interpolation 'cubic'. Known: bilinear, nearest."),
        (lambda: RandomCrop(0, 3, name="a"),
         'random_crop (layer "a"): height must be a positive integer. Received: height=0.'),
        (lambda: RandomContrast(-0.5, name="a"),
         'random_contrast (layer "a"): factor must be a number, or two, from 0 to 1. Received: factor=-0.5.'),
        (lambda: RandomContrast(0.5, value_range=(1, 0), name="a"),
         'random_contrast (layer "a"): value_range must be two numbers, the smaller one first. '
         "Received: value_range=(1, 0)."),
        (lambda: RandomZoom(0.1, fill_value="0", name="a"),
         "random_zoom (layer \"a\"): fill_value must be a number. Received: fill_value='0'."),
        (lambda: RandomFlip(data_format="channels_first", name="a"),
         'random_flip (layer "a"): gemmule keeps channels last. Transpose the images once: '
         "x = x.transpose(0, 2, 3, 1). Received: data_format='channels_first'."),
        (lambda: RandomFlip(name="a")(np.zeros((2, 3)), training=True),
         'random_flip (layer "a"): the input must be images, (batch, height, width, channels), or one image without '
         "the batch. Received: input_shape=(2, 3)."),
        (lambda: gm.ops.affine_transform(IMAGES[0], [1, 0, 0, 0, 1, 0]),
         "affine_transform: the input must have 4 dimensions, (batch, height, width, channels), and pixels. "
         "Received: input.shape=(5, 6, 2)."),
        (lambda: gm.ops.affine_transform(IMAGES[:2], np.zeros((3, 6))),
         "affine_transform: transforms must have 6 numbers for each image, shape (2, 6), or 6 for all. "
         "Received: transforms.shape=(3, 6)."),
    ],
)  # fmt: skip
def test_message(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=exactly(message)):
        call()


def test_places_that_are_no_numbers_give_nan() -> None:
    for value in (np.nan, np.inf, 1e300):
        y = gm.ops.affine_transform(IMAGES[:1], [1, 0, value, 0, 1, 0]).numpy()
        assert np.isnan(y).all()
