"""
Imports all of AllenNLP and its own plugins, which takes seconds. This is done when a name is asked for that
nothing else registers.
"""

from allennlp.common.plugins import import_default_plugins

import_default_plugins()
