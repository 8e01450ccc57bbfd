import pkgutil
import subprocess
import sys

import seqmodels.data


def test_data_needs_no_jax():
    modules = pkgutil.walk_packages(seqmodels.data.__path__, "seqmodels.data.")
    names = [module.name for module in modules]
    code = f"import sys, {', '.join(names)}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
