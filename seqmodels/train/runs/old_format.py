"""Reader for run directories of version 0.1, which can be evaluated but not resumed."""

from pathlib import Path
from typing import Any

REMOVED = {"recipe"}  # was a field of the config, is a property of the run


def is_old(content: dict[str, Any]) -> bool:
    """Return whether version 0.1 wrote this config.json."""
    return "experiment" in content and "module" not in content


def upgrade(content: dict[str, Any]) -> dict[str, Any]:
    """Convert the content of an old config.json to today's."""
    if not is_old(content):
        return content
    values = content.get("config", {})
    config = {name: value for name, value in values.items() if name not in REMOVED}
    module = f"experiments.{content['experiment']}.experiment"
    return {**content, "module": module, "config": config}


def metadata_file(path: Path) -> Path:
    """Return the path of the metadata, which version 0.1 called extras."""
    old = path.with_name("extras.json")
    return old if old.exists() and not path.exists() else path
