"""For Faust's own way to run a worker: `faust -A ironstream.app worker`. Settings come from the environment."""

from ironstream.settings import load_settings
from ironstream.worker import build_app

app = build_app(load_settings())
