"""Collect these tests only with ``-m peers``.  Peer libraries are optional and slow to import."""


def pytest_ignore_collect(config):
    expression = config.option.markexpr
    return None if "peers" in expression and "not peers" not in expression else True
