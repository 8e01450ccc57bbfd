import jax
import jax.numpy as jnp
import numpy as np

from seqmodels.losses.edit_distance import edit_distance, hash_words

RANDOM = np.random.default_rng(0)
M, L, B = 9, 7, 60


def plain(a, b):
    """Return the Levenshtein distance by the usual table."""
    table = [[max(i, j) for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            replaced = table[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, replaced)
    return table[-1][-1]


def draw(length):
    values = RANDOM.integers(0, 3, (length, B)).astype(np.int32)
    lengths = RANDOM.integers(0, length + 1, B)
    lengths[:2] = 0, length
    return jnp.asarray(values), jnp.asarray(np.arange(length)[:, None] < lengths)


def test_distances_of_ragged_rows_equal_the_table():
    pairs = (*draw(M), *draw(L))
    found = jax.jit(edit_distance)(*pairs)
    single = jax.jit(jax.vmap(lambda *row: edit_distance(*(a[:, None] for a in row)), 1))(*pairs)
    np.testing.assert_array_equal(single[:, 0], found)
    tokens, mask, labels, label_mask = map(np.asarray, pairs)
    rows = range(B)
    expected = [plain(tokens[mask[:, b], b], labels[label_mask[:, b], b]) for b in rows]
    np.testing.assert_array_equal(found, expected)
    assert len(set(expected)) > 6


def test_empty_arrays():
    tokens, mask, labels, label_mask = (*draw(M), *draw(L))
    run = jax.jit(edit_distance)
    np.testing.assert_array_equal(run(tokens[:0], mask[:0], labels, label_mask), label_mask.sum(0))
    np.testing.assert_array_equal(run(tokens, mask, labels[:0], label_mask[:0]), mask.sum(0))


def test_hashes_distinguish_words():
    random = np.random.default_rng(1)
    tokens = random.integers(0, 3, (12, 40)).astype(np.int32)  # 0 separates words
    mask = np.arange(12)[:, None] < random.integers(0, 13, 40)
    found = jax.jit(lambda *row: hash_words(*row, separator=0))(tokens, mask)
    names = {}
    for row in range(40):
        text = "".join("ab"[t - 1] if t else " " for t in tokens[mask[:, row], row])
        hashes = np.asarray(found.tokens[:, row])[np.asarray(found.mask[:, row])].tolist()
        assert len(hashes) == len(text.split())
        for word, value in zip(text.split(), hashes, strict=True):
            assert names.setdefault(word, value) == value
    assert len(set(names.values())) == len(names) > 12
