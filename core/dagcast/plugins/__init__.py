"""The plugin system. Plugin authors import :mod:`dagcast.plugin` only.

The modules follow the steps of a plugin's life:

- ``distributions`` and ``scan`` find the installed plugins; ``select`` decides which run; ``load`` imports them.
- ``site_policy`` reads the policy of a site, with ``site_policy_models`` and ``policy_options``; ``forbidden_code``
  recognizes a plugin that it forbids, ``site_policy_schema`` describes it to editors. ``activate`` selects, loads and
  configures plugins under it, for every command; ``load_config`` reads a config with them.
- ``options`` validates their options; ``configured`` holds a loaded plugin with its options, ``plugin_set`` those of a
  compile. ``object_name`` names plugins that are passed from Python.
- ``hooks`` specifies the hooks; ``api_version`` is their version. ``call_hooks``, ``call_compile_hooks`` and
  ``observe_run`` call them.
- ``decorate`` lets plugins decorate the template class. ``join_classes`` joins metaclasses that conflict, in the
  statements that ``class_statements`` observes.
- ``validate`` checks parameters and step types that plugins add, and ``validate_spec`` the pipelines that they return;
  ``attribute_changes`` records what they changed; ``lock`` pins them.
- ``doctor`` and ``scaffold`` serve ``dagcast plugins doctor`` and ``dagcast plugins new``.
- ``local_parameters`` asks plugins for values of a local run.
- ``code_files`` digests the code of plugins for the lock, and reads ``record``; ``imported_code`` and ``bytecode``
  compare the files with what this process imported.
- ``foreign_output`` keeps what third-party code prints out of the results of commands.
- ``safe_inspect`` formats values and exceptions of third-party code.
"""
