"""How flags look in ``--help``, where tyro's own notation is hard to read."""

from typing import get_args, get_origin

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

FORMATS = ConstructorRegistry()


@FORMATS.primitive_rule
def optional_text(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Show ``str | None`` as STR in ``--help``; the word None still means no value."""
    if info.type != str | None:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="STR",
        instance_from_str=lambda words: None if words == ["None"] else words[0],
        is_instance=lambda value: value is None or isinstance(value, str),
        str_from_instance=lambda value: ["none" if value is None else value],
    )


@FORMATS.primitive_rule
def list_of_values(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Show ``tuple[int, ...]`` as [INT ...] in ``--help``, and its empty default as "none"."""
    kind, *rest = get_args(info.type) if get_origin(info.type) is tuple else (None,)
    if rest != [...] or kind not in (int, float, str):
        return None
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=f"[{kind.__name__.upper()} ...]",
        instance_from_str=lambda words: tuple(map(kind, words)),
        is_instance=lambda values: all(isinstance(value, kind) for value in values),
        str_from_instance=lambda values: list(map(str, values)) or ["none"],
    )
