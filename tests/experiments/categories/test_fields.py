from experiments.categories.fields import example_fields, example_metadata
from seqmodels.data.text.config import TextConfig
from seqmodels.data.text.labelled import Example


def test_attributes_and_text_features_are_optional_fields():
    examples = [Example("Big car", "a:b", ("10", "York")), Example("small", "a:c", ("", "York"))]
    config = TextConfig(min_count=1)
    metadata = example_metadata(examples, config)
    fields = example_fields(examples, metadata, config, buckets=100)
    assert fields["static"].shape == (2, 3)
    assert set(fields) == {"x", "label", "static", "bag"}
    plain = [Example(example.text, example.label) for example in examples]
    metadata = example_metadata(plain, config)
    assert set(example_fields(plain, metadata, config, buckets=0)) == {"x", "label"}


def test_text_features_keep_case_and_truncate():
    examples = [Example("Big car", "a"), Example("big", "a")]
    config = TextConfig(min_count=1, max_symbols=1)
    fields = example_fields(examples, example_metadata(examples, config), config, buckets=10**9)
    assert list(fields["x"].lengths) == [1, 1]
    first, second = fields["bag"].values[: fields["bag"].lengths[0]], fields["bag"].values
    assert len(set(first)) == len(set(second[len(first) :]))
    assert set(first) != set(second[len(first) :])  # "W Big" and "W big"
