from experiments.translation.parallel_corpus import Pair
from experiments.translation.tokenized_pairs import (
    load_tokenizers,
    pair_batches,
    pair_fields,
    predicted_tokens,
    train_tokenizers,
)
from seqmodels.data.splits import Splits


def test_fields_and_batches_contain_every_pair_once():
    pairs = [Pair(" ".join("ab"[i % 2] for i in range(n)), "c " * n) for n in range(1, 30)]
    tokenizers = load_tokenizers(train_tokenizers(pairs, "words", 1, 0))
    fields = pair_fields(Splits(pairs, pairs[:2], pairs[:3]), tokenizers, max_length=25)
    assert len(fields.train["source"].lengths) == 25
    symbols = tokenizers.target.symbols
    start, end = symbols.index("<s>"), symbols.index("</s>")
    target = fields.train["target"]
    third = target.values[target.offsets[2] : target.offsets[3]]
    assert third.tolist() == [start, *[symbols.index("c")] * 3, end]
    assert len(predicted_tokens(fields.train)) == len(target.values) - 25
    assert start not in predicted_tokens(fields.train)
    batches = pair_batches(fields.train, 8, buckets=3, tokens=60, seed=0)
    steps = [batches(step) for step in range(batches.steps_per_epoch)]
    rows = [row for batch in steps for row in batch.rows]
    assert sorted(row for row in rows if row >= 0) == list(range(25))
    shapes = {batch.fields["target"].mask.shape for batch in steps}
    assert len(shapes) <= 3
    assert all(length * count <= 60 + length for length, count in shapes)
