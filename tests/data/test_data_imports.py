import pkgutil
import subprocess
import sys

import seqmodels.data


def test_data_needs_no_jax():
    names = [
        f"seqmodels.data.{module.name}" for module in pkgutil.iter_modules(seqmodels.data.__path__)
    ]
    code = f"import sys, {', '.join(names)}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
