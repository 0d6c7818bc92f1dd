"""
What others made is read with care: archives are unpacked with limits, and their configs run no code.

The modules `allennlp/common/unpacking.py` and `allennlp/common/untrusted.py` of `additions/` do this; the
edits put them in place. They come after all others.
"""

from edits.edit import Edit

_ARCHIVAL = "allennlp/models/archival.py"

ARCHIVES = [
    Edit(
        name="safe-archives",
        file=_ARCHIVAL,
        old="""\
    tempdir = None
    try:
        tempdir = tempfile.mkdtemp()
        logger.info(f"extracting archive file {resolved_archive_file} to temp dir {tempdir}")
        with tarfile.open(resolved_archive_file, "r:gz") as archive:
            archive.extractall(tempdir)
        yield tempdir
    finally:
        if tempdir is not None and cleanup:
""",
        new="""\
    if not tarfile.is_tarfile(resolved_archive_file):
        raise ConfigurationError(
            f"{resolved_archive_file} is not a model archive: it should be a .tar.gz file that "
            "`allennlp train` wrote, or the directory of a run"
        )
    tempdir = tempfile.mkdtemp()
    logger.info(f"extracting archive file {resolved_archive_file} to temp dir {tempdir}")
    try:
        unpack(resolved_archive_file, tempdir)
    except BaseException:  # an interruption too
        shutil.rmtree(tempdir, ignore_errors=True)
        raise
    try:
        yield tempdir
    finally:
        if cleanup:
""",
        reason=(
            "An archive from elsewhere must not write outside its folder, nor fill the disk; weights with "
            "flipped bits were loaded as if they were whole; a failure left what was unpacked so far."
        ),
    ),
    Edit(
        name="safe-archives",
        file=_ARCHIVAL,
        old="from allennlp.common.params import Params\n",
        new="from allennlp.common import untrusted\n"
        "from allennlp.common.params import Params\n"
        "from allennlp.common.unpacking import unpack\n",
        reason="For the edits of this file.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/tools/archive_surgery.py",
        old="""\
    with tarfile.open(archive_file, "r:gz") as archive:
        archive.extractall(tempdir)
    atexit.register(lambda: shutil.rmtree(tempdir))
""",
        new="""\
    atexit.register(lambda: shutil.rmtree(tempdir))
    unpack(archive_file, tempdir)
""",
        reason="An archive from elsewhere must not write outside its folder, nor fill the disk.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/tools/archive_surgery.py",
        old="from allennlp.common.file_utils import cached_path\n",
        new="from allennlp.common.file_utils import cached_path\n"
        "from allennlp.common.unpacking import unpack\n",
        reason="For the edit above.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/data/vocabulary.py",
        old="""\
            base_directory = cached_path(directory, extract_archive=True)
""",
        new="""\
            archive = cached_path(directory) if "!" not in str(directory) else None
            if archive is not None and tarfile.is_tarfile(archive):
                with tempfile.TemporaryDirectory() as unpacked:
                    unpack(archive, unpacked)
                    inner = os.path.join(unpacked, "vocabulary")
                    return cls.from_files(
                        inner if os.path.isdir(inner) else unpacked, padding_token, oov_token
                    )
            base_directory = cached_path(directory, extract_archive=True)
""",
        reason="A vocabulary may be taken out of an archive from elsewhere.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/data/vocabulary.py",
        old="import logging\nimport os\nimport re\n",
        new="import logging\nimport os\nimport re\nimport tarfile\nimport tempfile\n",
        reason="For the edit above.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/data/vocabulary.py",
        old="from allennlp.common.util import namespace_match\n",
        new="from allennlp.common.unpacking import unpack\n"
        "from allennlp.common.util import namespace_match\n",
        reason="For the edit above.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/commands/diff.py",
        old="""\
    if checkpoint.endswith(".tar.gz"):
        return cached_path(checkpoint + "!weights.th", extract_archive=True)
    elif ".tar.gz!" in checkpoint:
        return cached_path(checkpoint, extract_archive=True)
    else:
""",
        new="""\
    archive, _, name = checkpoint.partition("!")
    if archive.endswith(".tar.gz"):
        directory = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        unpack(cached_path(archive), directory)
        return os.path.join(directory, name or "weights.th")
    else:
""",
        reason="As above, also for `allennlp diff`.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/commands/diff.py",
        old="import argparse\n",
        new="import argparse\nimport atexit\nimport os\nimport shutil\nimport tempfile\n",
        reason="For the edit above.",
    ),
    Edit(
        name="safe-archives",
        file="allennlp/commands/diff.py",
        old="from allennlp.common.file_utils import cached_path\n",
        new="from allennlp.common.file_utils import cached_path\n"
        "from allennlp.common.unpacking import unpack\n",
        reason="For the edit above.",
    ),
    Edit(
        name="safe-weights",
        file="allennlp/nn/util.py",
        old="    state = torch.load(path, map_location=device_mapping(cuda_device))\n",
        new="""\
    try:
        # The reader of this old form calls what it finds, in torch before 2.6.
        if tarfile.is_tarfile(path):
            raise pickle.UnpicklingError("of a form that torch no longer reads")
        state = torch.load(path, map_location=device_mapping(cuda_device), weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"(?:GLOBAL|class|global) ([\\w.]+\\.\\w+)", str(error))
        what = f"holds {found.group(1)}" if found else "is damaged, or holds something else"
        raise ConfigurationError(
            f"{path} is refused: it {what} where weights hold tensors alone, and reading it could run code"
        ) from error
    except (EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as weights, and may be damaged ({type(error).__name__}: "
            f"{' '.join(str(error).split()) or 'it is empty'})"
        ) from error
    if not isinstance(state, dict):
        raise ConfigurationError(
            f"{path} holds a {type(state).__name__}; expected weights by their names"
        )
""",
        reason="Weights that would run code, and damaged ones, were refused with pages of a traceback.",
    ),
    Edit(
        name="safe-weights",
        file="allennlp/nn/util.py",
        old="from os import PathLike\nimport re\n",
        new="from os import PathLike\nimport pickle\nimport re\nimport tarfile\n",
        reason="For the edit above.",
    ),
]
"""Files of others, as files."""

UNTRUSTED = [
    Edit(
        name="untrusted-configs",
        file="allennlp/common/params.py",
        old="    DEFAULT = object()\n",
        new="""\
    DEFAULT = object()

    # The archive that these are from, if they came with one: see `allennlp.common.untrusted`.
    origin: Any = None
""",
        reason="Where a config is from has to be known wherever something is built of it.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/params.py",
        old="            return Params(value, history=new_history)\n",
        new="""\
            taken = Params(value, history=new_history)
            taken.origin = self.origin
            return taken
""",
        reason="See above.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/params.py",
        old='        ok_because_class_name = allow_class_names and "." in value\n',
        new="""\
        if allow_class_names and not isinstance(value, str) and value not in choices:
            raise ConfigurationError(
                f"{self.history}{key} is {value!r}; expected a name, such as {choices[0]!r}"
            )
        ok_because_class_name = allow_class_names and "." in value
""",
        reason="A type that is a list or a number is a ConfigurationError, too.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/from_params.py",
        old="""\
    @classmethod
    def from_params(
""",
        new="""\
    @classmethod
    @untrusted.builds_marked
    def from_params(
""",
        reason="What an archive's config builds is built under its origin.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/from_params.py",
        old="from allennlp.common.checks import ConfigurationError\n",
        new="from allennlp.common import untrusted\nfrom allennlp.common.checks import ConfigurationError\n",
        reason="For the edit above.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/lazy.py",
        old="""\
        self._constructor_extras.update(kwargs)
""",
        new="""\
        self._constructor_extras.update(kwargs)
        self._origin = untrusted.current()
""",
        reason="What is built later is still of the archive's config.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/lazy.py",
        old="""\
                return self._constructor.from_params(  # type: ignore[union-attr]
                    copy.deepcopy(self._params),
                    **kwargs,
                )
""",
        new="""\
                with untrusted.building(self._origin):
                    return self._constructor.from_params(  # type: ignore[union-attr]
                        copy.deepcopy(self._params),
                        **kwargs,
                    )
""",
        reason="See above.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/lazy.py",
        old="from allennlp.common.params import Params\n",
        new="from allennlp.common import untrusted\nfrom allennlp.common.params import Params\n",
        reason="For the edits above.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/registrable.py",
        old="""\
            # This might be a fully qualified class name, so we'll try importing its "module"
            # and finding it there.
""",
        new="""\
            # This might be a fully qualified class name, so we'll try importing its "module"
            # and finding it there.
            untrusted.check_name(name)
""",
        reason="An archive's config could have any module imported.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/registrable.py",
        old="""\
                subclass = getattr(module, class_name)
                constructor = None
""",
        new="""\
                subclass = getattr(module, class_name)
                untrusted.check_class(subclass, cls, name)
                constructor = None
""",
        reason="An archive's config could have anything called.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/registrable.py",
        old="from allennlp.common.checks import ConfigurationError\n",
        new="from allennlp.common import untrusted\nfrom allennlp.common.checks import ConfigurationError\n",
        reason="For the edits above.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/util.py",
        old="            import_module_and_submodules(subpackage, exclude=exclude)\n",
        new="""\
            import_module_and_submodules(subpackage, exclude=exclude)

    untrusted.trust(package_name)
""",
        reason="The user names packages to be used: by --include-package, or from Python.",
    ),
    Edit(
        name="submodules-by-full-name",
        file="allennlp/common/util.py",
        old="        for module_finder, name, _ in pkgutil.walk_packages(path):\n",
        new="        for module_finder, name, _ in pkgutil.iter_modules(path):\n",
        reason=(
            "Given no prefix, walk_packages imports packages by the last part of their names: `models` or "
            "`lm` of the working directory, to find what is in `allennlp.models` and `allennlp_models.lm`."
        ),
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/util.py",
        old="from allennlp.common.params import Params\n",
        new="from allennlp.common import untrusted\nfrom allennlp.common.params import Params\n",
        reason="For the edit above.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/util.py",
        old="    options = (spacy_model_name, pos_tags, parse, ner)\n",
        new="    untrusted.check_pipeline(spacy_model_name)\n"
        "    options = (spacy_model_name, pos_tags, parse, ner)\n",
        reason="spaCy imports the package that a pipeline's name names, whichever it is.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/plugins.py",
        old="            importlib.import_module(module_name)\n",
        new="            importlib.import_module(module_name)\n            untrusted.trust(module_name)\n",
        reason="The user names packages to be used: in .allennlp_plugins.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/plugins.py",
        old="from allennlp.common.util import push_python_path",
        new="from allennlp.common import untrusted\nfrom allennlp.common.util import push_python_path",
        reason="For the edit above.",
    ),
    Edit(
        name="untrusted-configs",
        file=_ARCHIVAL,
        old="""\
    weights_file: str = None,
) -> Archive:
""",
        new="""\
    weights_file: str = None,
    trusted: bool = False,
) -> Archive:
""",
        reason="A run evaluates what it has just written itself, as the edit `distributed-test-data` does.",
    ),
    Edit(
        name="untrusted-configs",
        file=_ARCHIVAL,
        old="""\
        The weights file to use.  If unspecified, weights.th in the archive_file will be used.
    \"""
""",
        new="""\
        The weights file to use.  If unspecified, weights.th in the archive_file will be used.
    trusted : `bool`, optional (default = `False`)
        Only for what this machine's user made: types in the config may then name anything, and are
        imported and called. See `allennlp.common.untrusted` for what they may name otherwise.

    # Raises

    `ConfigurationError`
        The archive is damaged or incomplete, unpacks to more than the limit, or could run code.
    \"""
""",
        reason="See above.",
    ),
    Edit(
        name="untrusted-configs",
        file=_ARCHIVAL,
        old="""\
        if weights_file:
            weights_path = weights_file
        else:
            weights_path = get_weights_path(serialization_dir)

        # Load config
        config = Params.from_file(os.path.join(serialization_dir, CONFIG_NAME), overrides)

        # Instantiate model and dataset readers. Use a duplicate of the config, as it will get consumed.
        dataset_reader, validation_dataset_reader = _load_dataset_readers(
            config.duplicate(), serialization_dir
        )
        model = _load_model(config.duplicate(), weights_path, serialization_dir, cuda_device)

        # Load meta.
        meta_path = os.path.join(serialization_dir, META_NAME)
        if os.path.exists(meta_path):
            meta = Meta.from_path(meta_path)
    finally:
        if tempdir is not None:
            logger.info(f"removing temporary unarchived model dir at {tempdir}")
            shutil.rmtree(tempdir, ignore_errors=True)

    # Check version compatibility.
    if meta is not None:
        _check_version_compatibility(archive_file, meta)
""",
        new="""\
        # Load config
        config = untrusted.read_config(serialization_dir, overrides, archive_file, trusted)

        weights_path = weights_file or get_weights_path(serialization_dir)
        if not os.path.isfile(weights_path):
            if weights_file:
                raise ConfigurationError(f"There is no file of weights {weights_file}")
            raise ConfigurationError(
                f"{archive_file}: has no weights; expected {_WEIGHTS_NAME} or, in the directory of a run, "
                f"{_DEFAULT_WEIGHTS}"
            )

        # Instantiate model and dataset readers. Use a duplicate of the config, as it will get consumed.
        with untrusted.building(config.origin):
            with untrusted.naming(archive_file, serialization_dir, "its dataset reader"):
                dataset_reader, validation_dataset_reader = _load_dataset_readers(
                    config.duplicate(), serialization_dir
                )
            with untrusted.naming(archive_file, serialization_dir, "its model"):
                model = _load_model(config.duplicate(), weights_path, serialization_dir, cuda_device)

        for check in archive_checks:
            check(config.duplicate(), serialization_dir)

        # Load meta, and check version compatibility.
        meta_path = os.path.join(serialization_dir, META_NAME)
        if os.path.exists(meta_path):
            with untrusted.naming(archive_file, serialization_dir, META_NAME):
                meta = Meta.from_path(meta_path)
                _check_version_compatibility(archive_file, meta)
    finally:
        if tempdir is not None:
            logger.info(f"removing temporary unarchived model dir at {tempdir}")
            shutil.rmtree(tempdir, ignore_errors=True)
""",
        reason="The config of an archive runs no code, and what is wrong with an archive is a sentence.",
    ),
    Edit(
        name="untrusted-configs",
        file="allennlp/common/testing/model_test_case.py",
        old="        archive = load_archive(archive_file, cuda_device=cuda_device)\n",
        new="        archive = load_archive(archive_file, cuda_device=cuda_device, trusted=True)\n",
        reason="This is the run's own archive, of the tester's own config.",
    ),
]
"""The configs of archives."""
