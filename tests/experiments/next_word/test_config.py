import pytest

from experiments.next_word.experiment import Config
from seqmodels.errors import UserError
from seqmodels.train.config import check_config, with_values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hidden": 0}, "--hidden"),
        ({"window": 0}, "--window"),
        ({"weight_drop": 1.0}, "--weight-drop"),
        ({"hidden_dropout": -0.1}, "--hidden-dropout"),
        ({"embedding": 0, "tied": True}, "--tied needs an embedding"),
        ({"samples": -2}, "--samples"),
    ],
)
def test_errors_name_the_flag(values, message):
    with pytest.raises(UserError, match=message):
        check_config(with_values(Config(), values))
