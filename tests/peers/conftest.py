"""Peer libraries take long to import: without ``-m peers`` these tests are not even looked at."""


def pytest_ignore_collect(config):
    return True if config.option.markexpr == "not peers" else None
