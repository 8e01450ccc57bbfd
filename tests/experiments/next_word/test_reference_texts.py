from experiments.next_word.reference_texts import reference_texts


def test_python_comes_with_english():
    texts = reference_texts(limit=60_000)
    assert len({name for name, _ in texts}) == len(texts)
    text = "\n".join(text for _, text in texts)
    assert len(text) > 10_000
    assert "Abstract Base Classes" in text  # a docstring of abc
    assert "  " not in text
