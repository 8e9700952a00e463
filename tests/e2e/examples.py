"""The configurations of config/examples, as the tests run them: the files themselves, told by environment variables
where to keep what they keep and which ports are free."""

import harness

FOLDER = harness.ROOT / "config/examples"


def use(tidemark, name, **variables):
    """An instance on config/examples/NAME.toml, not yet started."""
    text = (FOLDER / f"{name}.toml").read_text()
    instance = tidemark("", {key: str(value) for key, value in variables.items()})
    instance.env["TIDEMARK_DATA"] = str(instance.data_dir)
    instance.config_file.write_text(text)
    return instance
