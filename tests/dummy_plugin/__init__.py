"""A plugin as small as one can be, to prove the plugin API from outside."""
