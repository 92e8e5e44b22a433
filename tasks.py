"""Where `invoke` starts. The commands themselves are in the folder tasks/."""

import importlib
import sys

del sys.modules["tasks"]  # this file: of the two that share the name, Python imports the folder
sys.dont_write_bytecode = False  # Invoke switches it off, and would compile the folder anew for every command
ns = importlib.import_module("tasks").ns
